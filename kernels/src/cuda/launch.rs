//! One function for each kernel: checks the sizes, then launches.

use super::{CudaError, Kernels};
use crate::cpu::{AttentionShape, Conv1dShape, Conv2dShape};
use cudarc::driver::{CudaSlice, DeviceRepr, LaunchConfig, PushKernelArg};
use half::bf16;

/// Number types of activations: `f32` and `bf16`.
pub trait DeviceElement: DeviceRepr {
    /// Suffix of the kernels' names.
    const NAME: &'static str;
}

impl DeviceElement for f32 {
    const NAME: &'static str = "f32";
}

impl DeviceElement for bf16 {
    const NAME: &'static str = "bf16";
}

/// Steps of an attention bias from sample to sample, head to head and query to query; 0 repeats.
#[derive(Debug, Clone, Copy)]
pub struct AttentionStrides {
    /// From sample to sample.
    pub batch: usize,
    /// From head to head.
    pub head: usize,
    /// From query to query.
    pub query: usize,
}

/// Widest attention head of the kernel.
const MAX_HEAD_DIM: usize = 128;

fn grid(x: usize, y: usize, z: usize, threads: u32) -> Result<LaunchConfig, CudaError> {
    let fits = |n: usize, limit: u32| u32::try_from(n).ok().filter(|n| (1..=limit).contains(n));
    match (fits(x, i32::MAX as u32), fits(y, 65_535), fits(z, 65_535)) {
        (Some(x), Some(y), Some(z)) => Ok(LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (threads, 1, 1),
            shared_mem_bytes: 0,
        }),
        _ => Err(CudaError::Shape(format!(
            "no grid has {x} × {y} × {z} blocks"
        ))),
    }
}

fn int(n: usize) -> Result<i32, CudaError> {
    i32::try_from(n).map_err(|_| CudaError::Shape(format!("{n} is too large for a GPU kernel")))
}

fn expect(what: &str, found: usize, wanted: usize) -> Result<(), CudaError> {
    if found == wanted {
        return Ok(());
    }
    Err(CudaError::Shape(format!(
        "{what} has {found} numbers, not {wanted}"
    )))
}

impl Kernels {
    /// Twin of [`crate::cpu::group_norm`]: `x` and `output` are `[batch, pixels, channels]`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the CPU twin")]
    pub fn group_norm<T: DeviceElement>(
        &self,
        x: &CudaSlice<T>,
        batch: usize,
        groups: usize,
        (weight, bias): (&CudaSlice<f32>, &CudaSlice<f32>),
        eps: f32,
        silu: bool,
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        let channels = weight.len();
        expect("bias", bias.len(), channels)?;
        expect("output", output.len(), x.len())?;
        if batch * channels == 0 || groups == 0 || !channels.is_multiple_of(groups) {
            return Err(CudaError::Shape(format!(
                "{channels} channels in {groups} groups"
            )));
        }
        let pixels = x.len() / (batch * channels);
        expect("x", x.len(), batch * pixels * channels)?;
        let config = grid(batch * groups, 1, 1, 256)?;
        let (pixels, channels, groups) = (int(pixels)?, int(channels)?, int(groups)?);
        let silu = i32::from(silu);
        let mut launch = self
            .stream()
            .launch_builder(self.function::<T>("group_norm"));
        launch.arg(x).arg(weight).arg(bias).arg(output);
        launch
            .arg(&pixels)
            .arg(&channels)
            .arg(&groups)
            .arg(&eps)
            .arg(&silu);
        // SAFETY: types and order are those of the kernel, and every index it forms is below the
        // lengths checked above.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// Twin of [`crate::cpu::layer_norm`]; without a bias of [`crate::cpu::rms_norm`].
    pub fn row_norm<T: DeviceElement>(
        &self,
        x: &CudaSlice<T>,
        weight: &CudaSlice<f32>,
        bias: Option<&CudaSlice<f32>>,
        eps: f32,
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        let dim = weight.len();
        expect("output", output.len(), x.len())?;
        expect("bias", bias.map_or(dim, CudaSlice::len), dim)?;
        if dim == 0 || !x.len().is_multiple_of(dim) {
            return Err(CudaError::Shape(format!(
                "{} numbers are not rows of {dim}",
                x.len()
            )));
        }
        let config = grid(x.len() / dim, 1, 1, 128)?;
        let dim = int(dim)?;
        let name = if bias.is_some() {
            "layer_norm"
        } else {
            "rms_norm"
        };
        let mut launch = self.stream().launch_builder(self.function::<T>(name));
        launch.arg(x).arg(weight);
        if let Some(bias) = bias {
            launch.arg(bias);
        }
        launch.arg(output).arg(&dim).arg(&eps);
        // SAFETY: as above; one block for each of the rows.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// Twin of [`crate::cpu::geglu`].
    pub fn geglu<T: DeviceElement>(
        &self,
        x: &CudaSlice<T>,
        dim: usize,
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        expect("x", x.len(), 2 * output.len())?;
        if dim == 0 || !output.len().is_multiple_of(dim) {
            return Err(CudaError::Shape(format!(
                "{} numbers are not rows of {dim}",
                output.len()
            )));
        }
        let config = grid(output.len().div_ceil(256).min(1 << 16), 1, 1, 256)?;
        let (rows, dim) = ((output.len() / dim) as i64, int(dim)?);
        let mut launch = self.stream().launch_builder(self.function::<T>("geglu"));
        launch.arg(x).arg(output).arg(&rows).arg(&dim);
        // SAFETY: the kernel stays below rows · dim, which are the lengths checked above.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// Twin of [`crate::cpu::attention`]; heads are at most 128 wide.
    pub fn attention<T: DeviceElement>(
        &self,
        [q, k, v]: [&CudaSlice<T>; 3],
        shape: &AttentionShape,
        (bias, strides): (&CudaSlice<f32>, AttentionStrides),
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        let AttentionShape {
            batch,
            heads,
            queries,
            keys,
            dim,
            scale,
        } = *shape;
        expect("q", q.len(), batch * queries * heads * dim)?;
        expect("k", k.len(), batch * keys * heads * dim)?;
        expect("v", v.len(), k.len())?;
        expect("output", output.len(), q.len())?;
        let AttentionStrides {
            batch: by_batch,
            head: by_head,
            query: by_query,
        } = strides;
        let ends = [(batch, by_batch), (heads, by_head), (queries, by_query)];
        let last: usize = ends
            .iter()
            .map(|(n, step)| n.saturating_sub(1) * step)
            .sum();
        if dim > MAX_HEAD_DIM || bias.len() < last + keys {
            let reason = format!(
                "heads of {dim}, a bias of {} for {}",
                bias.len(),
                last + keys
            );
            return Err(CudaError::Shape(reason));
        }
        let config = grid(queries.div_ceil(32), heads, batch, 256)?;
        let [queries, keys, heads, dim] = [queries, keys, heads, dim].map(int);
        let (queries, keys, heads, dim) = (queries?, keys?, heads?, dim?);
        let steps = [by_batch, by_head, by_query].map(|step| step as i64);
        let mut launch = self
            .stream()
            .launch_builder(self.function::<T>("attention"));
        launch.arg(q).arg(k).arg(v).arg(bias).arg(output);
        launch
            .arg(&queries)
            .arg(&keys)
            .arg(&heads)
            .arg(&dim)
            .arg(&scale);
        launch.arg(&steps[0]).arg(&steps[1]).arg(&steps[2]);
        // SAFETY: types and order are those of the kernel; it guards queries and keys, and the
        // bias reaches to its last index.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// Twin of [`crate::cpu::conv2d`]; `weight` is `[kernel rows, kernel columns, depth, width]`.
    pub fn conv2d<T: DeviceElement>(
        &self,
        x: &CudaSlice<T>,
        shape: &Conv2dShape,
        (weight, bias): (&CudaSlice<f32>, &CudaSlice<f32>),
        residual: &CudaSlice<T>,
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        let Conv2dShape {
            batch,
            input,
            kernel,
            stride,
            padding,
        } = *shape;
        let [out_rows, out_columns] = shape.output();
        let (places, width) = (batch * input[0] * input[1], bias.len());
        let depth = x.len() / places.max(1);
        expect("x", x.len(), places * depth)?;
        expect(
            "weight",
            weight.len(),
            kernel[0] * kernel[1] * depth * width,
        )?;
        expect(
            "output",
            output.len(),
            batch * out_rows * out_columns * width,
        )?;
        expect("residual", residual.len(), output.len())?;
        let pixels = batch * out_rows * out_columns;
        let config = grid(pixels.div_ceil(64), width.div_ceil(64), 1, 256)?;
        let sizes = [
            batch,
            input[0],
            input[1],
            depth,
            kernel[0],
            kernel[1],
            stride,
            padding[0][0],
            padding[1][0],
            1,
            out_rows,
            out_columns,
            width,
        ];
        let sizes = sizes.into_iter().map(int).collect::<Result<Vec<_>, _>>()?;
        let mut launch = self.stream().launch_builder(self.function::<T>("conv2d"));
        launch
            .arg(x)
            .arg(weight)
            .arg(bias)
            .arg(residual)
            .arg(output);
        for size in &sizes {
            launch.arg(size);
        }
        // SAFETY: thirteen sizes in the kernel's order; it guards pixels, channels and borders.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// Twin of [`crate::cpu::conv_transpose1d`]; `weight` is `[kernel, depth, width]`.
    pub fn conv_transpose1d<T: DeviceElement>(
        &self,
        x: &CudaSlice<T>,
        shape: &Conv1dShape,
        (weight, bias): (&CudaSlice<f32>, &CudaSlice<f32>),
        output: &mut CudaSlice<T>,
    ) -> Result<(), CudaError> {
        let Conv1dShape {
            batch,
            time,
            kernel,
            stride,
            padding,
            dilation,
        } = *shape;
        let (places, width) = (batch * time, bias.len());
        let depth = x.len() / places.max(1);
        let longest = time.saturating_sub(1) * stride + kernel;
        if dilation != 1 || stride == 0 || longest < 2 * padding {
            return Err(CudaError::Shape(format!(
                "{shape:?} is no transposed convolution"
            )));
        }
        let out = longest - 2 * padding;
        expect("x", x.len(), places * depth)?;
        expect("weight", weight.len(), kernel * depth * width)?;
        expect("output", output.len(), batch * out * width)?;
        let config = grid(output.len().div_ceil(256).min(1 << 16), 1, 1, 256)?;
        let sizes = [batch, time, depth, kernel, stride, padding, out, width];
        let sizes = sizes.into_iter().map(int).collect::<Result<Vec<_>, _>>()?;
        let mut launch = self
            .stream()
            .launch_builder(self.function::<T>("conv_transpose1d"));
        launch.arg(x).arg(weight).arg(bias).arg(output);
        for size in &sizes {
            launch.arg(size);
        }
        // SAFETY: eight sizes in the kernel's order; it stays below the output's length and guards
        // the input's.
        unsafe { launch.launch(config) }?;
        Ok(())
    }
}
