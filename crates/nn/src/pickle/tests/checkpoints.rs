//! Checkpoints that PyTorch wrote, against what PyTorch and safetensors read from them.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;

use super::super::crc32::Crc32;
use super::super::{PickleError, PickledCheckpoint, Problem, StoredType, TensorFault};
use super::build::{FLOATS, Pickle, Zip, one_tensor};
use super::load;

/// A small checkpoint of this crate, made by `data/make.py`.
fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/pickle/tests/data")
        .join(name)
}

/// A checkpoint of the reference implementation with random weights.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/mustango")
        .join(name)
}

fn open(path: &Path) -> PickledCheckpoint {
    PickledCheckpoint::open(path).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(name: &str) -> (PickleError, String) {
    let error = PickledCheckpoint::open(&made(name)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(name), "the error names the file: {text}");
    (error, text)
}

/// All element types, parameters, transposed and sliced views, a tied and an empty tensor, inside
/// a training checkpoint, in the usual pickle protocol and in the newest.
#[test]
fn every_kind_of_tensor_is_read_as_pytorch_reads_it() {
    let golden = std::fs::read(made("variants.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&golden).unwrap();
    for name in ["variants.pt", "variants_protocol4.pt"] {
        let file = open(&made(name));
        file.verify().unwrap();
        assert_eq!(file.tensors().len(), 19);
        assert_eq!(golden.len(), 19);
        assert_eq!(file.ignored(), ["epoch", "loss", "tags", "optimizer"]);
        for entry in file.tensors() {
            let expected = golden.tensor(&entry.name).unwrap();
            assert_eq!(
                safetensors::Dtype::from(entry.dtype),
                expected.dtype(),
                "{}",
                entry.name
            );
            assert_eq!(entry.shape, expected.shape(), "{}", entry.name);
            assert_eq!(
                file.read(&entry.name).unwrap(),
                expected.data(),
                "{}",
                entry.name
            );
        }
        let order: Vec<_> = file
            .tensors()
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(
            order[..3],
            ["f64", "f32", "f16"],
            "the order of the state dict is kept"
        );
    }
}

#[test]
fn beat_predictor_matches_its_safetensors_copy() {
    let golden = std::fs::read(reference("beats.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&golden).unwrap();
    let file = open(&reference("beats.pt"));
    file.verify().unwrap();
    assert_eq!(file.tensors().len(), golden.len());
    for entry in file.tensors() {
        let expected = golden.tensor(&entry.name).unwrap();
        assert_eq!(entry.shape, expected.shape());
        let mut bytes = file.read(&entry.name).unwrap();
        if entry.dtype == StoredType::I64 {
            // The copy has the position ids as floats.
            let ids = bytes
                .as_chunks()
                .0
                .iter()
                .map(|&id| i64::from_le_bytes(id) as f32);
            bytes = ids.flat_map(f32::to_le_bytes).collect();
        }
        assert_eq!(bytes, expected.data(), "{}", entry.name);
    }
    assert_eq!(
        file.tensor("deberta.embeddings.position_ids")
            .unwrap()
            .dtype,
        StoredType::I64
    );
}

/// `ldm_no_unet.tsv` has name, shape and CRC-32 of each tensor of the safetensors copy.
#[test]
fn tied_weights_match_their_safetensors_copy() {
    let file = open(&reference("ldm_no_unet.bin"));
    file.verify().unwrap();
    let golden = std::fs::read_to_string(reference("ldm_no_unet.tsv")).unwrap();
    let read: Vec<String> = file
        .tensors()
        .iter()
        .map(|entry| {
            let shape: Vec<_> = entry.shape.iter().map(usize::to_string).collect();
            let crc = Crc32::of(&file.read(&entry.name).unwrap());
            format!("{}\t{}\t{crc:08x}", entry.name, shape.join("x"))
        })
        .collect();
    assert_eq!(read.len(), 40);
    assert!(golden.lines().eq(read.iter().map(String::as_str)));
    // Three keys share the table of positions, which the file holds once.
    let total: u64 = file
        .tensors()
        .iter()
        .map(|entry| entry.size_in_bytes())
        .sum();
    assert!(
        total
            > std::fs::metadata(reference("ldm_no_unet.bin"))
                .unwrap()
                .len()
    );
}

#[test]
fn missing_checksums_are_accepted_and_wrong_ones_found() {
    let file = open(&made("linear_no_crc.pt"));
    file.verify().unwrap();
    assert_eq!(file.read("bias").unwrap(), 3.0_f32.to_le_bytes());

    let mut bytes = std::fs::read(made("linear.pt")).unwrap();
    let weight = [1.0_f32, 2.0].map(f32::to_le_bytes).concat();
    let at = bytes
        .windows(8)
        .position(|window| window == weight)
        .unwrap();
    bytes[at] ^= 1;
    let problem = PickledCheckpoint::from_reader(Cursor::new(bytes), "x")
        .unwrap()
        .verify();
    let problem = problem.unwrap_err().problem;
    assert!(matches!(problem, Problem::Entry { entry, .. } if entry == "data/0"));
}

#[test]
fn other_formats_are_named_with_a_remedy() {
    let (error, text) = refused("linear_legacy.pt");
    assert!(matches!(error.problem, Problem::OtherFormat { .. }));
    assert!(text.contains("before PyTorch 1.6") && text.contains("re-save it with torch>=1.6"));
    assert!(
        refused("variants.safetensors")
            .1
            .contains("a safetensors file")
    );

    let text = |bytes: &[u8]| load(bytes).unwrap_err().to_string();
    assert!(text(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
    assert!(text(b"<!DOCTYPE html>").contains("a web page"));
    assert!(text(b"\x80\x04N.").contains("a bare pickle"));
    assert!(text(b"").contains("an empty file"));
    assert!(text(b"RIFF").contains("an unknown format"));
}

#[test]
fn what_is_more_than_tensors_is_refused_by_name() {
    let (error, text) = refused("linear_module.pt");
    let Problem::Global { name, .. } = error.problem else {
        panic!("{text}")
    };
    assert_eq!(name, "torch.nn.modules.linear.Linear");
    assert!(text.contains("torch.save(model.state_dict(), path)"));

    let (error, text) = refused("expanded.pt");
    let Problem::Tensor { name, fault } = error.problem else {
        panic!("{text}")
    };
    assert_eq!((name.as_str(), text.contains(".contiguous()")), ("w", true));
    assert!(matches!(fault, TensorFault::Overlapping { .. }));

    assert!(refused("negated.pt").1.contains("math bits"));
    let missing = PickledCheckpoint::open(Path::new("/nonexistent.pt")).unwrap_err();
    assert!(matches!(missing.problem, Problem::Io { .. }));
    assert!(std::error::Error::source(&missing).is_some());
}

/// `{"model": {"state_dict": {"w": …}, "step": 1}}`
#[test]
fn wrappers_may_lie_in_each_other() {
    let inner = Pickle::new()
        .raw(b"}")
        .text("model")
        .raw(b"}(")
        .text("state_dict")
        .raw(b"}");
    let inner = inner
        .text("w")
        .view(0, &[4], &[1])
        .raw(b"s")
        .text("step")
        .int(1)
        .raw(b"us");
    let bytes = inner.archive();
    assert_eq!(load(&bytes).unwrap(), [("w".to_owned(), FLOATS.to_vec())]);
    let file = PickledCheckpoint::from_reader(Cursor::new(&bytes), "x").unwrap();
    assert_eq!(file.ignored(), ["step"]);
}

#[test]
fn a_buffer_must_fit_and_a_name_must_exist() {
    let bytes = one_tensor(1, &[3], &[1]);
    let file = PickledCheckpoint::from_reader(Cursor::new(&bytes), "x").unwrap();
    let mut out = [0; 12];
    file.read_into("w", &mut out).unwrap();
    assert_eq!(out, FLOATS[4..]);
    let short = file.read_into("w", &mut out[1..]).unwrap_err();
    assert!(matches!(
        short.problem,
        Problem::BufferSize {
            needed: 12,
            given: 11,
            ..
        }
    ));
    let unknown = file.read("v").unwrap_err();
    assert!(matches!(unknown.problem, Problem::UnknownTensor { .. }));
    assert!(file.tensor("v").is_none());
}

/// A storage of 5 GiB, in a file with a hole, and the pickle behind it: 64-bit sizes and places.
#[test]
fn storages_beyond_four_gigabytes_are_read() {
    const LEN: u64 = 5 << 30;
    let view = Pickle::new()
        .raw(b"}")
        .text("w")
        .global("torch._utils", "_rebuild_tensor_v2");
    let view = view
        .raw(b"(")
        .storage("ByteStorage", "0", LEN as i64)
        .int(LEN as i64 - 3);
    let pickle = view.ints(&[3]).ints(&[1]).raw(b"\x89}tRs.").bytes();

    let mut zip = Zip::of(&[("x/data/0", b"end"), ("x/data.pkl", &pickle)]);
    let extra = |numbers: &[u64]| {
        let numbers: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        [&[1, 0, numbers.len() as u8, 0], numbers.as_slice()].concat()
    };
    let header_len = 30 + "x/data/0".len();
    let [storage, data] = zip.members.as_mut_slice() else {
        panic!("two members")
    };
    (storage.crc, storage.local_len, storage.listed_len) = (0, u32::MAX, [u32::MAX; 2]);
    storage.extra = extra(&[LEN, LEN]);
    data.listed_at = Some(u32::MAX);
    data.extra = extra(&[header_len as u64 + LEN]);
    (zip.zip64, zip.hole) = (true, LEN - 3);

    let bytes = zip.bytes();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes[..header_len]).unwrap();
    file.seek(SeekFrom::Current(LEN as i64 - 3)).unwrap();
    file.write_all(&bytes[header_len..]).unwrap();
    let file = PickledCheckpoint::from_reader(file, "x").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.read("w").unwrap(), b"end");
}
