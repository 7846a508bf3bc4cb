//! The bf16 tile unit: 16×16 blocks of sums from rows of 32 `bf16` pairs, through `asm!`.
//!
//! Intel's manual, volume 1 chapter 18. A thread configures its tiles ([`Tiles::configure`]),
//! adds products of a 32-row block with a 32-column panel, and releases them when dropped.

/// Rows of one tile.
pub(crate) const TILE_ROWS: usize = 16;
/// `bf16` values in a row of one tile: the depth of one product.
pub(crate) const TILE_DEPTH: usize = 32;
/// Bytes of a whole tile.
pub(crate) const TILE_BYTES: usize = 1024;

/// Whether the processor has `bf16` tiles and conversions, and the operating system lets this process use them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) fn available() -> bool {
    use std::arch::x86_64::__cpuid_count;
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    const AVX512_BF16: u32 = 1 << 5;
    let leaf = __cpuid_count(7, 0);
    let tiles = leaf.edx & AMX_BF16 != 0 && leaf.edx & AMX_TILE != 0;
    tiles && __cpuid_count(7, 1).eax & AVX512_BF16 != 0 && request_permission()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(crate) fn available() -> bool {
    false
}

/// Asks Linux for the tile registers: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn request_permission() -> bool {
    const SYS_ARCH_PRCTL: isize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let result: isize;
    // SAFETY: a system call without pointers; it clobbers only rcx and r11.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Where the left operand of a product lies.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// First 16 rows.
    pub(crate) upper: *const u16,
    /// Next 16 rows; `None` when the block has only 16.
    pub(crate) lower: Option<*const u16>,
    /// Bytes from one row to the next.
    pub(crate) stride: usize,
    /// Where each 32-deep slice begins, in bytes from the row.
    pub(crate) steps: &'a [u32],
    /// What to fetch into the second-level cache on the way: 256 bytes a slice from here.
    pub(crate) ahead: Option<*const u16>,
}

/// This thread's tile registers: 0 to 3 hold sums, 4 and 5 rows, 6 and 7 columns.
pub(crate) struct Tiles(());

#[cfg(target_arch = "x86_64")]
impl Tiles {
    /// Sets all eight tiles of this thread to 16 rows of 64 bytes.
    ///
    /// # Safety
    /// The level is [`super::Level::Amx`].
    pub(crate) unsafe fn configure() -> Self {
        #[repr(C, align(64))]
        struct Config {
            palette: u8,
            start_row: u8,
            reserved: [u8; 14],
            row_bytes: [u16; 16],
            rows: [u8; 16],
        }
        let mut config = Config {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        config.row_bytes[..8].fill(64);
        config.rows[..8].fill(16);
        // SAFETY: `config` is the 64-byte structure that the instruction reads.
        unsafe { std::arch::asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack)) };
        Self(())
    }

    /// Sets the four sums to the 32×32 block at `c` (`ldc` floats from row to row), or to zero.
    ///
    /// # Safety
    /// When given, `c` is readable for 32 rows of 32 floats.
    pub(crate) unsafe fn load(&self, c: Option<*const f32>, ldc: usize) {
        // SAFETY: reads only what the caller promises.
        unsafe {
            match c {
                None => std::arch::asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    options(nostack)
                ),
                Some(c) => std::arch::asm!(
                    "tileloadd tmm0, [{upper} + {stride}*1]",
                    "tileloadd tmm1, [{upper} + {stride}*1 + 64]",
                    "tileloadd tmm2, [{lower} + {stride}*1]",
                    "tileloadd tmm3, [{lower} + {stride}*1 + 64]",
                    upper = in(reg) c,
                    lower = in(reg) c.add(TILE_ROWS * ldc),
                    stride = in(reg) ldc * 4,
                    options(nostack, readonly)
                ),
            }
        }
    }

    /// Adds the products of the rows' slices with the panel at `b` (two tiles a slice).
    ///
    /// # Safety
    /// Every slice of every row is readable, and two tiles of `b` for each slice. Without lower
    /// rows only the upper sums change.
    pub(crate) unsafe fn multiply(&self, rows: Rows, b: *const u16) {
        if rows.steps.is_empty() {
            return;
        }
        // SAFETY: reads only what the caller promises; writes only tile registers.
        unsafe {
            match rows.lower {
                Some(lower) => std::arch::asm!(
                    "2:",
                    "mov {low:e}, dword ptr [{steps}]",
                    "lea {up}, [{upper} + {low}]",
                    "tileloadd tmm6, [{b} + {b_stride}*1]",
                    "tileloadd tmm4, [{up} + {stride}*1]",
                    "add {low}, {lower}",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "prefetcht1 byte ptr [{ahead}]",
                    "prefetcht1 byte ptr [{ahead} + 64]",
                    "tileloadd tmm7, [{b} + {b_stride}*1 + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "prefetcht1 byte ptr [{ahead} + 128]",
                    "prefetcht1 byte ptr [{ahead} + 192]",
                    "add {ahead}, {forward}",
                    "tileloadd tmm5, [{low} + {stride}*1]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {steps}, 4",
                    "add {b}, 2048",
                    "dec {count}",
                    "jnz 2b",
                    low = out(reg) _,
                    up = out(reg) _,
                    upper = in(reg) rows.upper,
                    lower = in(reg) lower,
                    steps = inout(reg) rows.steps.as_ptr() => _,
                    count = inout(reg) rows.steps.len() => _,
                    b = inout(reg) b => _,
                    ahead = inout(reg) rows.ahead.unwrap_or(b) => _,
                    forward = in(reg) if rows.ahead.is_some() { 256usize } else { 0 },
                    stride = in(reg) rows.stride,
                    b_stride = in(reg) 64usize,
                    options(nostack, readonly)
                ),
                None => std::arch::asm!(
                    "2:",
                    "mov {up:e}, dword ptr [{steps}]",
                    "add {up}, {upper}",
                    "tileloadd tmm6, [{b} + {b_stride}*1]",
                    "tileloadd tmm4, [{up} + {stride}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{b} + {b_stride}*1 + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {steps}, 4",
                    "add {b}, 2048",
                    "dec {count}",
                    "jnz 2b",
                    up = out(reg) _,
                    upper = in(reg) rows.upper,
                    steps = inout(reg) rows.steps.as_ptr() => _,
                    count = inout(reg) rows.steps.len() => _,
                    b = inout(reg) b => _,
                    stride = in(reg) rows.stride,
                    b_stride = in(reg) 64usize,
                    options(nostack, readonly)
                ),
            }
        }
    }

    /// Writes the four sums to the 32×32 block at `c`.
    ///
    /// # Safety
    /// `c` is writable for 32 rows of 32 floats, `ldc` apart.
    pub(crate) unsafe fn store(&self, c: *mut f32, ldc: usize) {
        // SAFETY: writes only what the caller promises.
        unsafe {
            std::arch::asm!(
                "tilestored [{upper} + {stride}*1], tmm0",
                "tilestored [{upper} + {stride}*1 + 64], tmm1",
                "tilestored [{lower} + {stride}*1], tmm2",
                "tilestored [{lower} + {stride}*1 + 64], tmm3",
                upper = in(reg) c,
                lower = in(reg) c.add(TILE_ROWS * ldc),
                stride = in(reg) ldc * 4,
                options(nostack)
            );
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: this thread configured its tiles in `configure`.
        unsafe { std::arch::asm!("tilerelease", options(nostack, nomem)) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Tiles {
    pub(crate) unsafe fn configure() -> Self {
        unreachable!("the level is never Amx on this processor")
    }
    pub(crate) unsafe fn load(&self, _: Option<*const f32>, _: usize) {}
    pub(crate) unsafe fn multiply(&self, _: Rows, _: *const u16) {}
    pub(crate) unsafe fn store(&self, _: *mut f32, _: usize) {}
}
