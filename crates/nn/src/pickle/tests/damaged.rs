//! Random damage: whatever the bytes, the reader answers, within its limits, and never panics.

use std::path::Path;

use proptest::prelude::*;

use super::super::Problem;
use super::build::{Pickle, Zip, one_tensor};
use super::load;

/// A small checkpoint as PyTorch writes it.
fn linear() -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pickle/tests/data/linear.pt");
    std::fs::read(data).unwrap()
}

/// An archive around a pickle of any bytes.
fn around(pickle: &[u8]) -> Vec<u8> {
    Zip::of(&[("x/data.pkl", pickle), ("x/data/0", &[0; 16])]).bytes()
}

#[test]
fn every_shorter_file_is_refused() {
    for bytes in [linear(), one_tensor(0, &[4], &[1])] {
        assert!(load(&bytes).is_ok());
        for len in 0..bytes.len() {
            assert!(
                load(&bytes[..len]).is_err(),
                "{len} of {} bytes",
                bytes.len()
            );
        }
    }
}

/// The pickle without its end, in an archive that is otherwise sound.
#[test]
fn every_shorter_pickle_is_refused() {
    let pickle = Pickle::new()
        .raw(b"}")
        .text("w")
        .view(0, &[2, 2], &[2, 1])
        .raw(b"s.")
        .bytes();
    assert!(load(&around(&pickle)).is_ok());
    for len in 0..pickle.len() {
        let problem = load(&around(&pickle[..len])).unwrap_err().problem;
        assert!(
            matches!(problem, Problem::Operand { .. }),
            "{len}: {problem}"
        );
    }
}

/// Each byte of a sound pickle, replaced by each of the 256.
#[test]
fn every_changed_byte_of_a_pickle_is_survived() {
    let pickle = Pickle::new()
        .raw(b"}")
        .text("w")
        .view(0, &[4], &[1])
        .raw(b"s.")
        .bytes();
    let mut refused = 0;
    for at in 0..pickle.len() {
        for byte in 0..=255 {
            let mut changed = pickle.clone();
            changed[at] = byte;
            refused += u32::from(load(&around(&changed)).is_err());
        }
    }
    // Most bytes matter; those of the tensor's name, for one, do not.
    assert!(refused > 256 * pickle.len() as u32 * 9 / 10, "{refused}");
}

/// Instructions that the machine knows, with short operands, and any others.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    let known = b".\x80\x95(qr\x94hjaesub]})t\x85\x86\x87N\x88\x89KMJ\x8aG\x8cX\x8dCBc\x93RQ";
    prop_oneof![
        8 => (prop::sample::select(known.to_vec()), prop::collection::vec(0_u8..4, 0..3))
            .prop_map(|(opcode, operand)| [vec![opcode], operand].concat()),
        2 => Just(b"ctorch\nFloatStorage\n".to_vec()),
        2 => Just(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec()),
        1 => Just(b"ccollections\nOrderedDict\n)R".to_vec()),
        3 => Just(Pickle::new().view(0, &[4], &[1]).bytes().split_off(2)),
        3 => Just(b"X\x01\0\0\0w".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load(&bytes).is_err());
        prop_assert!(load(&[b"PK\x03\x04", bytes.as_slice()].concat()).is_err());
    }

    /// Damage anywhere in a real file: it is read or refused, and says which.
    #[test]
    fn random_damage_is_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of((any::<prop::sample::Index>(), 1_usize..40)),
    ) {
        let mut bytes = linear();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((index, len)) = cut {
            let at = index.index(bytes.len());
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        match load(&bytes) {
            Ok(tensors) => prop_assert!(tensors.len() <= 2),
            Err(error) => prop_assert!(error.to_string().starts_with("test.pt: ")),
        }
    }

    #[test]
    fn random_programs_are_survived(program in prop::collection::vec(instruction(), 0..60)) {
        let pickle = [b"\x80\x02".to_vec(), program.concat(), b".".to_vec()].concat();
        if let Ok(tensors) = load(&around(&pickle)) {
            prop_assert!(tensors.iter().all(|(_, bytes)| bytes.len() == 16));
        }
    }
}
