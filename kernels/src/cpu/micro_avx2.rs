//! The `f32` block product in AVX2 assembly: up to six rows by 16 columns in twelve registers, the
//! halves of a panel one after the other.
//!
//! Written out because the compiler moves sums to memory and back at every step of the depth.

use super::micro::{Block, PANEL};

/// Rows that fit into the registers.
const ROWS: usize = 6;
/// Columns that fit into the registers.
const COLUMNS: usize = 16;

/// Text that is assembled only when the block has more than `$r` rows.
macro_rules! when {
    ($r:literal, $($text:expr),*) => {
        concat!(".if {rows} > ", $r, "\n", $($text, "\n",)* ".endif\n")
    };
}

/// Adds one number of a row times 16 weights.
macro_rules! row {
    ($r:literal, $address:literal, $k:literal, $value:literal, $low:literal, $high:literal) => {
        when!(
            $r,
            concat!(
                "vbroadcastss ymm",
                $value,
                ", dword ptr [",
                $address,
                " + 4*",
                $k,
                "]"
            ),
            concat!("vfmadd231ps ymm", $low, ", ymm", $value, ", ymm0"),
            concat!("vfmadd231ps ymm", $high, ", ymm", $value, ", ymm1")
        )
    };
}

/// Step `$k` of the depth: 16 weights, and one number of every row.
macro_rules! step {
    ($k:literal) => {
        concat!(
            "vmovups ymm0, ymmword ptr [{b} + 128*",
            $k,
            "]\n",
            "vmovups ymm1, ymmword ptr [{b} + 128*",
            $k,
            " + 32]\n",
            row!(0, "{p0}", $k, 2, 4, 5),
            row!(1, "{p0} + {s}", $k, 3, 6, 7),
            row!(2, "{p0} + 2*{s}", $k, 2, 8, 9),
            row!(3, "{p3}", $k, 3, 10, 11),
            row!(4, "{p3} + {s}", $k, 2, 12, 13),
            row!(5, "{p3} + 2*{s}", $k, 3, 14, 15),
        )
    };
}

/// Clears the two sums of a row.
macro_rules! clear {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vxorps ymm", $low, ", ymm", $low, ", ymm", $low),
            concat!("vxorps ymm", $high, ", ymm", $high, ", ymm", $high)
        )),*)
    };
}

/// Adds what `c` holds to the sums of each row; `{p0}` walks over the rows.
macro_rules! add_c {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vaddps ymm", $low, ", ymm", $low, ", ymmword ptr [{p0}]"),
            concat!("vaddps ymm", $high, ", ymm", $high, ", ymmword ptr [{p0} + 32]"),
            "add {p0}, {ldc}"
        )),*)
    };
}

/// Writes the sums of each row to `c`.
macro_rules! store_c {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vmovups ymmword ptr [{c}], ymm", $low),
            concat!("vmovups ymmword ptr [{c} + 32], ymm", $high),
            "add {c}, {ldc}"
        )),*)
    };
}

macro_rules! every_row {
    ($each:ident) => {
        $each!(
            (0, 4, 5),
            (1, 6, 7),
            (2, 8, 9),
            (3, 10, 11),
            (4, 12, 13),
            (5, 14, 15)
        )
    };
}

/// [`super::micro::Kernel`] of AVX2.
///
/// # Safety
/// As for every kernel; needs AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn multiply(block: &Block) {
    // Rows are shared out evenly: a single row left over would wait for its own sums.
    let rows = block.count.div_ceil(block.count.div_ceil(ROWS).max(1));
    for column in (0..PANEL).step_by(COLUMNS) {
        for first in (0..block.count).step_by(rows.max(1)) {
            // SAFETY: rows and columns of the block, as the caller promised them.
            unsafe {
                let part = Block {
                    rows: block.rows.add(first * block.stride),
                    count: rows.min(block.count - first),
                    panel: block.panel.add(column),
                    c: block.c.add(first * block.ldc + column),
                    ..*block
                };
                match part.count {
                    1 => few_rows::<1>(&part),
                    2 => few_rows::<2>(&part),
                    3 => few_rows::<3>(&part),
                    4 => few_rows::<4>(&part),
                    5 => few_rows::<5>(&part),
                    _ => few_rows::<6>(&part),
                }
            }
        }
    }
}

/// # Safety
/// See [`multiply`]; `block.count` is `ROWS`, and of the panel 16 columns are multiplied.
#[target_feature(enable = "avx2,fma")]
unsafe fn few_rows<const ROWS: usize>(block: &Block) {
    /// What is needed between the loops only, and would take registers from them.
    #[repr(C)]
    struct Fixed {
        rows: *const f32,
        depth: usize,
        add: usize,
    }
    let fixed = Fixed {
        rows: block.rows,
        depth: block.depth,
        add: usize::from(block.add),
    };
    // SAFETY: reads `depth` floats of each row at each tap and as many rows of the panel; reads
    // and writes COLUMNS floats of each row of `c`. All are the caller's.
    unsafe {
        std::arch::asm!(
            every_row!(clear),
            "test {taps}, {taps}",
            "jz 5f",
            // One tap.
            "2:",
            "mov {p0:e}, dword ptr [{offsets}]",
            "add {offsets}, 4",
            "shl {p0}, 2",
            "add {p0}, qword ptr [{fixed}]",
            "lea {p3}, [{p0} + 2*{s}]",
            "add {p3}, {s}",
            "mov {k}, qword ptr [{fixed} + 8]",
            "sub {k}, 4",
            "jl 4f",
            // Four steps of its depth.
            "3:",
            step!(0),
            step!(1),
            step!(2),
            step!(3),
            "add {p0}, 16",
            "add {p3}, 16",
            "add {b}, 512",
            "sub {k}, 4",
            "jge 3b",
            // What is left of it, step by step.
            "4:",
            "add {k}, 4",
            "jz 6f",
            "7:",
            step!(0),
            "add {p0}, 4",
            "add {p3}, 4",
            "add {b}, 128",
            "dec {k}",
            "jnz 7b",
            "6:",
            "dec {taps}",
            "jnz 2b",
            "5:",
            "cmp qword ptr [{fixed} + 16], 0",
            "je 8f",
            "mov {p0}, {c}",
            every_row!(add_c),
            "8:",
            every_row!(store_c),
            rows = const ROWS,
            fixed = in(reg) &raw const fixed,
            s = in(reg) block.stride * 4,
            offsets = inout(reg) block.taps.as_ptr() => _,
            taps = inout(reg) block.taps.len() => _,
            b = inout(reg) block.panel => _,
            c = inout(reg) block.c => _,
            ldc = in(reg) block.ldc * 4,
            p0 = out(reg) _,
            p3 = out(reg) _,
            k = out(reg) _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nostack),
        );
    }
}
