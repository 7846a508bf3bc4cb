//! Pickles made to run code, to exhaust memory or time, or to read outside their storage.

use super::super::{Problem, TensorFault};
use super::build::{Pickle, Zip, one_tensor};
use super::{load, refusal};

/// Why a pickle that ends here is refused.
fn refused(pickle: Pickle) -> Problem {
    refusal(&pickle.archive())
}

/// The fault of the only tensor of a checkpoint.
fn fault(bytes: &[u8]) -> TensorFault {
    match refusal(bytes) {
        Problem::Tensor { name, fault } if name == "w" => fault,
        other => panic!("another problem: {other}"),
    }
}

fn is_operand(problem: &Problem, expected: &str) -> bool {
    matches!(problem, Problem::Operand { fault, .. } if fault.contains(expected))
}

/// `os.system("touch /tmp/owned")`, by both instructions that name a function, and others like it.
#[test]
fn nothing_is_ever_called() {
    let named = |problem| match problem {
        Problem::Global { name, .. } => name,
        other => panic!("another problem: {other}"),
    };
    let call = |pickle: Pickle| pickle.text("touch /tmp/owned").raw([0x85, b'R']);
    let by_line = call(Pickle::new().global("os", "system"));
    assert_eq!(named(refused(by_line)), "os.system");
    let by_stack = Pickle::new().text("os").text("system").raw([0x93]);
    assert_eq!(named(refused(call(by_stack))), "os.system");
    for (module, name) in [
        ("builtins", "eval"),
        ("collections", "OrderedDict.__init__"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch.serialization", "load"),
        ("torch", "storage"),
    ] {
        let name_only = Pickle::new().global(module, name).raw(b")R");
        assert_eq!(named(refused(name_only)), format!("{module}.{name}"));
    }
    // INST, OBJ, NEWOBJ, EXT1, PERSID and STRING have no meaning at all.
    for opcode in [b'i', b'o', 0x81, 0x82, b'P', b'S'] {
        let problem = refused(Pickle::new().raw([opcode]));
        assert!(matches!(problem, Problem::Opcode { opcode: found, at: 2 } if found == opcode));
    }
}

#[test]
fn functions_need_their_exact_arguments() {
    let rebuild = || Pickle::new().global("torch._utils", "_rebuild_tensor_v2");
    assert!(
        is_operand(&refused(rebuild().raw(b")R")), "wrong arguments"),
        "no arguments"
    );
    assert!(
        is_operand(&refused(rebuild().raw(b"}R")), "no function"),
        "a dictionary"
    );
    assert!(
        is_operand(&refused(rebuild().int(1).raw(b"\x85R")), "wrong arguments"),
        "a number"
    );
    let storage = || rebuild().raw(b"(").storage("FloatStorage", "0", 4);
    let negative = storage().int(-1).ints(&[4]).ints(&[1]).raw(b"\x89}tR");
    assert!(
        is_operand(&refused(negative), "wrong arguments"),
        "a negative offset"
    );
    let short = storage()
        .raw(b"\x8a\x01\xff")
        .ints(&[4])
        .ints(&[1])
        .raw(b"\x89}tR");
    assert!(
        is_operand(&refused(short), "wrong arguments"),
        "a negative offset of one byte"
    );
    let swapped = rebuild().raw(b"(").int(0).storage("FloatStorage", "0", 4);
    let swapped = swapped.ints(&[4]).ints(&[1]).raw(b"\x89}tR");
    assert!(
        is_operand(&refused(swapped), "wrong arguments"),
        "no storage"
    );

    let parameter = Pickle::new().global("torch._utils", "_rebuild_parameter");
    let of_number = parameter.int(1).raw(b"\x89}\x87R");
    assert!(is_operand(&refused(of_number), "wrong arguments"));
    let dict = Pickle::new()
        .global("collections", "OrderedDict")
        .raw(b"]\x85R");
    assert!(is_operand(&refused(dict), "wrong arguments"));
    let class = Pickle::new().global("torch", "FloatStorage").raw(b")R");
    assert!(is_operand(&refused(class), "wrong arguments"));
}

#[test]
fn storages_need_their_exact_reference() {
    let unknown = |pickle: Pickle| is_operand(&refused(pickle), "unknown way");
    assert!(unknown(Pickle::new().raw(b")Q")), "an empty tuple");
    assert!(unknown(Pickle::new().int(3).raw(b"Q")), "a number");
    assert!(
        unknown(Pickle::new().text("storage").raw(b"\x85Q")),
        "a short tuple"
    );
    assert!(
        unknown(Pickle::new().storage("FloatStorage", "0", -4)),
        "a negative length"
    );
    assert!(
        unknown(Pickle::new().storage("FloatStorage", &"0".repeat(65), 4)),
        "a long key"
    );
    let twice = Pickle::new()
        .storage("FloatStorage", "0", 4)
        .storage("HalfStorage", "0", 8);
    assert!(is_operand(&refused(twice), "two types"));
}

/// Each of 64 levels holds the one below twice: 2^64 values if memo entries were copied.
#[test]
fn memo_bombs_stay_small() {
    let level = |pickle: Pickle| pickle.raw(b"q\0h\0\x86");
    let bomb = (0..64).fold(Pickle::new().raw(b")"), |pickle, _| level(pickle));
    assert!(matches!(refused(bomb), Problem::NoStateDict { .. }));
    // The same beside a tensor is legal: it is not read.
    let legal = (0..64).fold(
        Pickle::new().raw(b"}(").text("bomb").raw(b")"),
        |pickle, _| level(pickle),
    );
    let legal = legal.text("w").view(0, &[4], &[1]).raw(b"u").archive();
    assert_eq!(load(&legal).unwrap().len(), 1);
}

/// A million tuples in each other; the last of them is as far from the first as it gets.
#[test]
fn deep_nesting_needs_no_stack() {
    let depth = (1 << 20) - 8;
    let deep = Pickle::new()
        .raw(b"}")
        .text("deep")
        .raw(b")")
        .raw(vec![0x85; depth - 1])
        .raw(b"s");
    assert!(matches!(refused(deep), Problem::NoStateDict { .. }));
    let marks = Pickle::new().raw(vec![b'('; depth]).raw(vec![b't'; 5]);
    assert!(is_operand(&refused(marks), "more than one value"));
    let cycle = Pickle::new().raw(b"}q\0").text("model").raw(b"h\0s");
    assert!(matches!(refused(cycle), Problem::NoStateDict { .. }));
}

#[test]
fn opcodes_are_counted() {
    for opcode in [b')', b'}', b'N', b'('] {
        let many = Pickle::new().raw(vec![opcode; 1 << 20]);
        assert!(matches!(
            refused(many),
            Problem::Limit {
                found: 0x10_0000,
                ..
            }
        ));
    }
    let lists = Pickle::new()
        .raw(b"]q\0(")
        .raw(b"h\0".repeat(1 << 19))
        .raw(b"e".repeat(1 << 19));
    assert!(matches!(refused(lists), Problem::Operand { .. }));
    let pickle = Pickle::new().raw(vec![b'N'; (8 << 20) + 1]);
    assert!(matches!(
        refused(pickle),
        Problem::Limit {
            what: "bytes of pickle",
            ..
        }
    ));
}

/// Texts, frames and numbers that claim gigabytes are compared with what is there first.
#[test]
fn claimed_lengths_are_checked_before_use() {
    let claims: [&[u8]; 7] = [
        b"X\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8a\xff",
        b"C\xff",
        b"\x8c\xff",
    ];
    for claim in claims {
        let problem = refused(Pickle::new().raw(claim).raw(b"abc"));
        assert!(is_operand(&problem, "longer than the rest"), "{problem}");
    }
    let long = Pickle::new().raw(b"\x8a\x09").raw([1; 9]);
    assert!(is_operand(&refused(long), "beyond 64 bits"));
    let name = Pickle::new().global(&"a".repeat(300), "b");
    assert!(is_operand(&refused(name), "too long"));
}

#[test]
fn the_stack_and_the_memo_never_underflow() {
    let cases: [(&[u8], &str); 12] = [
        (b"t", "no mark"),
        (b"\x85", "too few values"),
        (b"N(\x87", "too few values"),
        (b"(0", "unknown"),
        (b"q\0", "too few values"),
        (b"h\0", "never kept"),
        (b"j\xff\xff\xff\xff", "never kept"),
        (b"Nr\xff\xff\xff\xff", "gap in the memo"),
        (b"}(Nu", "without a value"),
        (b"N(NNu", "no dictionary"),
        (b"}Na", "no list"),
        (b"N}b", "no dictionary"),
    ];
    for (pickle, expected) in cases {
        let problem = refused(Pickle::new().raw(pickle));
        assert!(
            problem.to_string().contains(expected),
            "{pickle:?}: {problem}"
        );
    }
    assert!(is_operand(
        &refused(Pickle::new().raw(b"NN")),
        "more than one value"
    ));
    assert!(is_operand(
        &refused(Pickle::new().raw(b"}.")),
        "not at the end"
    ));
}

#[test]
fn views_cannot_leave_their_storage() {
    let outside =
        |offset, shape: &[i64], strides: &[i64]| match fault(&one_tensor(offset, shape, strides)) {
            TensorFault::OutsideStorage {
                needed,
                available: 4,
                ..
            } => needed,
            other => panic!("another fault: {other}"),
        };
    assert_eq!(outside(0, &[5], &[1]), 5);
    assert_eq!(outside(1, &[4], &[1]), 5);
    assert_eq!(outside(0, &[2, 2], &[3, 1]), 5);
    assert_eq!(outside(5, &[0], &[1]), 5);
    assert_eq!(outside(i64::MAX, &[1], &[1]), 1 << 63);
    assert_eq!(outside(0, &[2], &[i64::MAX]), 1 << 63);
    assert_eq!(
        load(&one_tensor(0, &[2, 2], &[2, 1])).unwrap()[0].1.len(),
        16
    );
}

#[test]
fn shapes_and_strides_must_make_sense() {
    let fault = |shape: &[i64], strides: &[i64]| fault(&one_tensor(0, shape, strides));
    assert!(matches!(
        fault(&[1 << 40], &[0]),
        TensorFault::Overlapping { .. }
    ));
    assert!(matches!(fault(&[4], &[-1]), TensorFault::Malformed));
    assert!(matches!(fault(&[-4], &[1]), TensorFault::Malformed));
    assert!(matches!(fault(&[2, 2], &[1]), TensorFault::Malformed));
    assert!(matches!(
        fault(&[1 << 62, 1 << 62], &[1, 1]),
        TensorFault::Overflow { .. }
    ));
    assert!(matches!(
        fault(&[1; 9], &[1; 9]),
        TensorFault::Axes { axes: 9, limit: 8 }
    ));
}

#[test]
fn storages_must_be_there_in_full() {
    let with_storage = |data: &[u8], name: &str| {
        fault(&Zip::edited(|members| {
            members[1] = Zip::of(&[(name, data)]).members.remove(0);
        }))
    };
    let size = with_storage(&[0; 15], "x/data/0");
    assert!(matches!(
        size,
        TensorFault::StorageSize {
            numel: 4,
            bytes: 15,
            ..
        }
    ));
    let size = with_storage(&[0; 17], "x/data/0");
    assert!(matches!(
        size,
        TensorFault::StorageSize {
            numel: 4,
            bytes: 17,
            ..
        }
    ));
    let missing = with_storage(&[0; 16], "x/data/1");
    assert_eq!(
        missing,
        TensorFault::MissingStorage {
            storage: "0".into()
        }
    );
}

/// 30,000 names for one storage: a small file that would become ten thousand times larger.
#[test]
fn sharing_has_a_limit() {
    let shared = Pickle::new()
        .raw(b"}(")
        .text("w")
        .view(0, &[4], &[1])
        .raw(b"q\0");
    let named = |pickle: Pickle, count: usize| {
        (0..count).fold(pickle, |pickle, index| {
            pickle.text(&format!("{index}")).raw(b"h\0")
        })
    };
    let key_limit = named(shared.clone(), 1 << 16).raw(b"u");
    assert!(matches!(
        refused(key_limit),
        Problem::Limit {
            what: "keys in a dictionary",
            ..
        }
    ));

    let pickle = named(shared, 30_000).raw(b"u.").bytes();
    let large = vec![0; 4 << 20];
    let numel = (large.len() as i64 / 4).to_le_bytes();
    // The storage's length and the shape become those of the large storage.
    let four = 4_i64.to_le_bytes();
    let mut grown = Vec::new();
    let mut rest = pickle.as_slice();
    while let Some(at) = rest.windows(8).position(|window| window == four) {
        grown.extend(&rest[..at]);
        grown.extend(numel);
        rest = &rest[at + 8..];
    }
    grown.extend(rest);
    let bytes = Zip::of(&[("x/data.pkl", &grown), ("x/data/0", &large)]).bytes();
    let problem = refusal(&bytes);
    assert!(problem.to_string().contains("shared storages"), "{problem}");
}

#[test]
fn a_name_may_not_come_twice() {
    let twice = Pickle::new()
        .raw(b"}(")
        .text("w")
        .view(0, &[4], &[1])
        .raw(b"q\0")
        .text("w");
    assert_eq!(fault(&twice.raw(b"h\0u").archive()), TensorFault::Duplicate);
    let long = Pickle::new()
        .raw(b"}")
        .text(&"w".repeat(257))
        .view(0, &[4], &[1])
        .raw(b"s");
    assert!(matches!(
        refused(long),
        Problem::Limit {
            found: 257,
            limit: 256,
            ..
        }
    ));
}

#[test]
fn a_file_without_state_dict_says_what_it_has() {
    let found = |pickle: Pickle| match refused(pickle) {
        Problem::NoStateDict { found } => found,
        other => panic!("another problem: {other}"),
    };
    assert_eq!(found(Pickle::new().view(0, &[4], &[1])), "a single tensor");
    assert_eq!(found(Pickle::new().raw(b"N")), "None");
    assert_eq!(found(Pickle::new().raw(b"}")), "a dictionary of []");
    let named = Pickle::new()
        .raw(b"}(")
        .text("epoch")
        .int(1)
        .int(2)
        .raw(b"}u");
    assert_eq!(found(named), r#"a dictionary of ["epoch", "(a number)"]"#);
}
