//! The `f32` block product in AVX-512 assembly: up to 14 rows by 32 columns in 28 registers.
//!
//! Written out because the compiler keeps one pointer for each row, which do not all fit in
//! registers: rows are evenly spaced, so five pointers and the distance reach all fourteen. Two of
//! the five are named `c` and `ldc` after what they hold once the products are done.

use super::micro::Block;

/// Text that is assembled only when the block has more than `$r` rows.
macro_rules! when {
    ($r:literal, $($text:expr),*) => {
        concat!(".if {rows} > ", $r, "\n", $($text, "\n",)* ".endif\n")
    };
}

/// Adds one number of a row times 32 weights.
macro_rules! row {
    ($r:literal, $address:literal, $k:literal, $low:literal, $high:literal) => {
        when!(
            $r,
            concat!(
                "vbroadcastss zmm30, dword ptr [",
                $address,
                " + 4*",
                $k,
                "]"
            ),
            concat!("vfmadd231ps zmm", $low, ", zmm30, zmm28"),
            concat!("vfmadd231ps zmm", $high, ", zmm30, zmm29")
        )
    };
}

/// Step `$k` of the depth: 32 weights, and one number of every row.
macro_rules! step {
    ($k:literal) => {
        concat!(
            "vmovups zmm28, zmmword ptr [{b} + 128*",
            $k,
            "]\n",
            "vmovups zmm29, zmmword ptr [{b} + 128*",
            $k,
            " + 64]\n",
            row!(0, "{p0}", $k, 0, 1),
            row!(1, "{p0} + {s}", $k, 2, 3),
            row!(2, "{p0} + 2*{s}", $k, 4, 5),
            row!(3, "{c}", $k, 6, 7),
            row!(4, "{c} + {s}", $k, 8, 9),
            row!(5, "{c} + 2*{s}", $k, 10, 11),
            row!(6, "{ldc}", $k, 12, 13),
            row!(7, "{ldc} + {s}", $k, 14, 15),
            row!(8, "{ldc} + 2*{s}", $k, 16, 17),
            row!(9, "{p3}", $k, 18, 19),
            row!(10, "{p3} + {s}", $k, 20, 21),
            row!(11, "{p3} + 2*{s}", $k, 22, 23),
            row!(12, "{p4}", $k, 24, 25),
            row!(13, "{p4} + {s}", $k, 26, 27),
        )
    };
}

/// Clears the two sums of a row.
macro_rules! clear {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vpxord zmm", $low, ", zmm", $low, ", zmm", $low),
            concat!("vpxord zmm", $high, ", zmm", $high, ", zmm", $high)
        )),*)
    };
}

/// Adds what `c` holds to the sums of each row; `{p0}` walks over the rows.
macro_rules! add_c {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vaddps zmm", $low, ", zmm", $low, ", zmmword ptr [{p0}]"),
            concat!("vaddps zmm", $high, ", zmm", $high, ", zmmword ptr [{p0} + 64]"),
            "add {p0}, {ldc}"
        )),*)
    };
}

/// Writes the sums of each row to `c`.
macro_rules! store_c {
    ($(($r:literal, $low:literal, $high:literal)),*) => {
        concat!($(when!(
            $r,
            concat!("vmovups zmmword ptr [{c}], zmm", $low),
            concat!("vmovups zmmword ptr [{c} + 64], zmm", $high),
            "add {c}, {ldc}"
        )),*)
    };
}

macro_rules! every_row {
    ($each:ident) => {
        $each!(
            (0, 0, 1),
            (1, 2, 3),
            (2, 4, 5),
            (3, 6, 7),
            (4, 8, 9),
            (5, 10, 11),
            (6, 12, 13),
            (7, 14, 15),
            (8, 16, 17),
            (9, 18, 19),
            (10, 20, 21),
            (11, 22, 23),
            (12, 24, 25),
            (13, 26, 27)
        )
    };
}

/// [`super::micro::Kernel`] of AVX-512.
///
/// # Safety
/// As for every kernel; needs AVX-512F.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn multiply(block: &Block) {
    // SAFETY: the caller's promises, passed on.
    unsafe {
        match block.count {
            1 => rows::<1>(block),
            2 => rows::<2>(block),
            3 => rows::<3>(block),
            4 => rows::<4>(block),
            5 => rows::<5>(block),
            6 => rows::<6>(block),
            7 => rows::<7>(block),
            8 => rows::<8>(block),
            9 => rows::<9>(block),
            10 => rows::<10>(block),
            11 => rows::<11>(block),
            12 => rows::<12>(block),
            13 => rows::<13>(block),
            14 => rows::<14>(block),
            other => unreachable!("a block of {other} rows"),
        }
    }
}

/// # Safety
/// See [`multiply`]; `block.count` is `ROWS`.
#[target_feature(enable = "avx512f")]
unsafe fn rows<const ROWS: usize>(block: &Block) {
    /// What is needed between the loops only, and would take registers from them.
    #[repr(C)]
    struct Fixed {
        rows: *const f32,
        depth: usize,
        c: *mut f32,
        ldc_bytes: usize,
        add: usize,
    }
    let fixed = Fixed {
        rows: block.rows,
        depth: block.depth,
        c: block.c,
        ldc_bytes: block.ldc * 4,
        add: usize::from(block.add),
    };
    // SAFETY: reads `depth` floats of each row at each tap and as many rows of the panel; reads
    // and writes PANEL floats of each row of `c`. All are the caller's.
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
            "lea {c}, [{p0} + 2*{s}]",
            "add {c}, {s}",
            "lea {ldc}, [{c} + 2*{s}]",
            "add {ldc}, {s}",
            "lea {p3}, [{ldc} + 2*{s}]",
            "add {p3}, {s}",
            "lea {p4}, [{p3} + 2*{s}]",
            "add {p4}, {s}",
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
            "add {c}, 16",
            "add {ldc}, 16",
            "add {p3}, 16",
            "add {p4}, 16",
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
            "add {c}, 4",
            "add {ldc}, 4",
            "add {p3}, 4",
            "add {p4}, 4",
            "add {b}, 128",
            "dec {k}",
            "jnz 7b",
            "6:",
            "dec {taps}",
            "jnz 2b",
            "5:",
            "mov {c}, qword ptr [{fixed} + 16]",
            "mov {ldc}, qword ptr [{fixed} + 24]",
            "cmp qword ptr [{fixed} + 32], 0",
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
            p0 = out(reg) _,
            c = out(reg) _,
            ldc = out(reg) _,
            p3 = out(reg) _,
            p4 = out(reg) _,
            k = out(reg) _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
            out("zmm28") _, out("zmm29") _, out("zmm30") _,
            options(nostack),
        );
    }
}
