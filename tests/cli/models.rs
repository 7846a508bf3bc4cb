//! The commands about models.

use super::Bench;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mustango");

#[test]
fn the_model_inside_is_listed_and_whole() {
    let bench = Bench::new();
    let listed = bench.ok(&["models", "list", "--json"]).json();
    let checked = bench.ok(&["models", "check", "--json"]).json();
    assert_eq!(listed, checked);
    assert_eq!(listed[0]["weights_sha256"].as_str().unwrap().len(), 64);
    assert!(
        bench
            .ok(&["models", "check"])
            .text()
            .contains("every tensor has its place")
    );
}

#[test]
fn a_converted_checkpoint_has_the_tensors_of_the_reference() {
    let bench = Bench::new();
    let checkpoint = format!("{FIXTURES}/beats.pt");
    bench.ok(&["models", "convert", &checkpoint, "-o", "beats.safetensors"]);
    let ours = tensors(&bench.bytes("beats.safetensors"));
    let theirs = tensors(&std::fs::read(format!("{FIXTURES}/beats.safetensors")).unwrap());
    assert!(theirs.len() > 10 && ours.len() == theirs.len());
    for tensor in &theirs {
        // The reference stores these integers as floats; we keep what the checkpoint has.
        if tensor.0 == "deberta.embeddings.position_ids" {
            assert!(
                ours.iter()
                    .any(|(name, kind, _)| *name == tensor.0 && kind.contains("I64"))
            );
            continue;
        }
        assert!(ours.contains(tensor), "{} differs", tensor.0);
    }
}

/// Name, type with shape, and bytes of each tensor of a safetensors file.
fn tensors(file: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let (len, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*len) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let entries = header
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "__metadata__");
    entries
        .map(|(name, entry)| {
            let at = |index: usize| entry["data_offsets"][index].as_u64().unwrap() as usize;
            let kind = format!("{} {}", entry["dtype"], entry["shape"]);
            (name.clone(), kind, data[at(0)..at(1)].to_vec())
        })
        .collect()
}

#[test]
fn convert_refuses_what_is_no_checkpoint_and_what_exists() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.bin"), "not a checkpoint").unwrap();
    bench.refuses(2, &["models", "convert", "absent.bin"], &["absent.bin"]);
    bench.refuses(1, &["models", "convert", "a.bin"], &["a.bin"]);
    std::fs::write(bench.path("a.safetensors"), "mine").unwrap();
    bench.refuses(2, &["models", "convert", "a.bin"], &["--force"]);
    bench.refuses(2, &["models", "check", "--model", "absent"], &["--model"]);
}

#[test]
fn folders_of_models_are_listed() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("models/one/ldm")).unwrap();
    std::fs::create_dir_all(bench.path("models/empty")).unwrap();
    std::fs::write(bench.path("models/one/ldm/a.safetensors"), [0; 10]).unwrap();
    let listed = bench
        .ok(&["models", "list", "--folder", "models", "--json"])
        .json();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1]["bytes"], 10);
}
