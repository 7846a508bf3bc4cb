//! The crate table of `ARCHITECTURE.md` against the workspace as it is: who depends on whom, what
//! is absent where, where `unsafe` lives, how long a file may be.
//!
//! The document is the rule: a new crate or a new dependency between crates is written there first.
//! What the crates do is tested in the crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the project's Rust sources are.
const SOURCES: [&str; 4] = ["crates", "kernels", "dataset-tools", "tests"];
/// The only crate with `unsafe` code.
const UNSAFE_HOME: &str = "kernels";
/// Files outside it that need `unsafe` for one thing, and that thing.
const UNSAFE_ELSEWHERE: [(&str, &str); 1] = [("crates/nn/src/shard.rs", "Mmap::map")];
const MAX_LINES: usize = 500;
/// Dependencies that only some crates may have: how their names begin, and these crates.
const RESTRICTED: [(&[&str], &[&str]); 3] = [
    (&["clap", "anyhow", "indicatif", "ctrlc"], &["mustool"]),
    (&["axum", "hyper", "tower"], &["mustool-server"]),
    (&["reqwest", "ureq", "hf-hub", "curl"], &["mustool-server"]),
];

/// A row of the crate table.
#[derive(Debug)]
struct Row {
    layer: u32,
    folder: String,
    may_use: BTreeSet<String>,
}

/// A crate of the workspace.
#[derive(Debug)]
struct Package {
    id: String,
    folder: String,
    dependencies: BTreeSet<String>,
}

impl Package {
    fn own_dependencies(&self) -> impl Iterator<Item = &String> {
        self.dependencies
            .iter()
            .filter(|name| name.starts_with("mustool"))
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The words between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Rows of `| layer | crate | folder | what | may use |`, by the name of the crate.
fn crate_table(document: &str) -> BTreeMap<String, Row> {
    let mut table = BTreeMap::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", layer, name, folder, _, may_use, ""] = cells[..] else {
            continue;
        };
        let Ok(layer) = layer.parse() else {
            continue;
        };
        let one = |cell| quoted(cell).next().expect("a name between backticks");
        let row = Row {
            layer,
            folder: one(folder),
            may_use: quoted(may_use).collect(),
        };
        let name = one(name);
        assert!(
            table.insert(name.clone(), row).is_none(),
            "{name} has two rows"
        );
    }
    table
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs, since it runs this test");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {stderr}");
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn texts(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().expect("an array");
    items.iter().map(text).collect()
}

/// The crates of the workspace by name, with all their dependencies: normal, dev and build.
fn packages(metadata: &Value) -> BTreeMap<String, Package> {
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = |value: &Value| {
        let manifest = PathBuf::from(text(&value["manifest_path"]));
        let folder = manifest.parent().expect("a manifest lies in a folder");
        let folder = folder.strip_prefix(ROOT).expect("crates are in this tree");
        let folder = match folder.to_str().expect("folders have plain names") {
            "" => ".",
            folder => folder,
        };
        let dependencies = value["dependencies"].as_array().expect("a list");
        let package = Package {
            id: text(&value["id"]),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(|d| text(&d["name"])).collect(),
        };
        (text(&value["name"]), package)
    };
    packages.iter().map(package).collect()
}

/// The Rust files of the project, by their paths from the root.
fn rust_files() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("the sources can be listed") {
            let path = entry.expect("the sources can be listed").path();
            let hidden = |name: &str| name.starts_with('.') || name == "target";
            let name = path.file_name().and_then(|name| name.to_str());
            if path.is_dir() && !name.is_some_and(hidden) {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path.strip_prefix(ROOT).expect("below the root");
                let shown = shown.to_str().expect("sources have plain names");
                found.push((shown.to_owned(), read(shown)));
            }
        }
    }
    let mut found = Vec::new();
    let folders = SOURCES.map(|folder| Path::new(ROOT).join(folder));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        visit(folder, &mut found);
    }
    found
}

/// How many bytes at the start of `rest` are a comment, a string or a character. `in_word`: the
/// byte before belongs to a name, so that an `r` is no prefix.
fn not_code(rest: &str, in_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        let (mut depth, mut at) = (0, 0);
        while at < rest.len() {
            match rest.as_bytes().get(at..at + 2) {
                Some(b"/*") => (depth, at) = (depth + 1, at + 2),
                Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                _ => at += 1,
            }
            if depth == 0 {
                break;
            }
        }
        return at;
    }
    let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r');
    if let Some(raw) = raw.filter(|_| !in_word) {
        let body = raw.trim_start_matches('#');
        let end = format!("\"{}", "#".repeat(raw.len() - body.len()));
        if let Some(body) = body.strip_prefix('"') {
            let left = body.find(&end).map_or(0, |at| body.len() - at - end.len());
            return rest.len() - left;
        }
    }
    let quote = match rest.as_bytes() {
        [b'"', ..] => b'"',
        [b'\'', b'\\', ..] => b'\'',
        [b'\'', ..] => {
            // A lifetime has no quote behind its first letter.
            let mut chars = rest.char_indices().skip(2);
            let closed = chars.next().is_some_and(|(_, c)| c == '\'');
            return if closed {
                chars.next().map_or(rest.len(), |(at, _)| at)
            } else {
                0
            };
        }
        _ => return 0,
    };
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The source without comments, strings and characters; each leaves a space.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let len = not_code(rest, in_word);
        code.push(if len == 0 { first } else { ' ' });
        rest = &rest[len.max(first.len_utf8())..];
    }
    code
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|found| found == word)
}

#[test]
fn every_crate_is_in_the_table_and_is_tested_by_default() {
    let metadata = metadata();
    let packages = packages(&metadata);
    let table = crate_table(&read("ARCHITECTURE.md"));
    let folders: BTreeMap<_, _> = packages.iter().map(|(n, p)| (n, &p.folder)).collect();
    let documented: BTreeMap<_, _> = table.iter().map(|(n, row)| (n, &row.folder)).collect();
    assert_eq!(documented, folders, "ARCHITECTURE.md against the workspace");

    let ids: BTreeSet<String> = packages.values().map(|p| p.id.clone()).collect();
    assert_eq!(texts(&metadata["workspace_members"]), ids);
    assert_eq!(texts(&metadata["workspace_default_members"]), ids);
}

#[test]
fn crates_use_only_lower_layers_and_only_what_the_table_allows() {
    let table = crate_table(&read("ARCHITECTURE.md"));
    for (name, row) in &table {
        for used in &row.may_use {
            let lower = table.get(used).unwrap_or_else(|| panic!("no row: {used}"));
            assert!(lower.layer < row.layer, "{name} is not above {used}");
        }
    }
    let packages = packages(&metadata());
    for (name, package) in &packages {
        for used in package.own_dependencies() {
            let may_use = &table[name].may_use;
            assert!(may_use.contains(used), "{name} must not use {used}");
        }
    }
    let of_kernels = packages
        .iter()
        .filter(|(_, package)| package.dependencies.contains("mustool-kernels"));
    let of_kernels: Vec<&String> = of_kernels.map(|(name, _)| name).collect();
    assert_eq!(of_kernels, ["mustool-nn"], "users of the kernels");
}

#[test]
fn tensors_flags_and_networks_stay_in_their_crates() {
    let table = crate_table(&read("ARCHITECTURE.md"));
    for (name, package) in packages(&metadata()) {
        let has = |prefix: &str| package.dependencies.iter().find(|d| d.starts_with(prefix));
        let above_nn = name == "mustool-nn" || table[&name].may_use.contains("mustool-nn");
        let tensors = has("candle").filter(|_| !above_nn);
        assert_eq!(tensors, None, "{name} is not above mustool-nn");
        for (prefixes, homes) in RESTRICTED {
            let found = prefixes.iter().find_map(|prefix| has(prefix));
            let stray = found.filter(|_| !homes.contains(&name.as_str()));
            assert_eq!(stray, None, "{name}: belongs into {homes:?} only");
        }
    }
    let gate = "feature = \"cuda\"";
    let homes = [
        "kernels/",
        "crates/nn/",
        "tests/integration/architecture.rs",
    ];
    for (path, source) in rust_files() {
        let at_home = homes.iter().any(|home| path.starts_with(home));
        assert!(at_home || !source.contains(gate), "{path} asks for CUDA");
    }
}

#[test]
fn unsafe_is_at_home_in_the_kernels() {
    let mut elsewhere = BTreeSet::new();
    for (path, source) in rust_files() {
        let code = code_only(&source);
        if !path.starts_with(&format!("{UNSAFE_HOME}/")) && has_word(&code, "unsafe") {
            elsewhere.insert(path);
        }
    }
    let listed = UNSAFE_ELSEWHERE.map(|(path, _)| path.to_owned());
    assert_eq!(elsewhere, BTreeSet::from(listed));
    for (path, purpose) in UNSAFE_ELSEWHERE {
        let code = code_only(&read(path));
        let blocks = code.matches("unsafe {").count();
        assert_eq!(blocks, 1, "{path} has one purpose");
        assert!(code.contains(&format!("unsafe {{ {purpose}")), "{path}");
    }
    // The compiler's own check, which macros cannot pass by, is on in all other crates.
    for package in packages(&metadata()).values() {
        let manifest = read(&format!("{}/Cargo.toml", package.folder));
        let inherits = manifest.contains("[lints]\nworkspace = true");
        assert_eq!(
            inherits,
            package.folder != UNSAFE_HOME,
            "{}",
            package.folder
        );
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let files = rust_files();
    assert!(files.len() > 100, "only {} files were found", files.len());
    for (path, source) in files {
        let lines = source.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines");
        // A file of tests beside its module needs no introduction.
        let introduced = source.starts_with("//! ") || path.ends_with("tests.rs");
        assert!(introduced, "{path} opens without `//!`");
    }
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let quiet = [
        "// unsafe",
        "/* unsafe /* nested */ unsafe */",
        "let s = \"unsafe \\\" unsafe\";",
        "let s = r#\"unsafe \" unsafe\"#;",
        "let s = br\"\\\"; let t = \"unsafe\";",
        "let c = '\"'; let s = \"unsafe\"; let d = '\\'';",
        "fn unsafe_code() {}",
    ];
    for source in quiet {
        assert!(!has_word(&code_only(source), "unsafe"), "{source}");
    }
    let loud = [
        "unsafe { f() }",
        "#[unsafe(no_mangle)]",
        "let c = '\"'; unsafe { f('\"') }",
        "let s = \"//\"; unsafe { f() } // \"",
        "fn f<'a>(x: &'a str) { unsafe { g(x, 'ü') } }",
        "/* a */ unsafe /* b */ { f(r\"\\\", r#\"\"\"#) }",
        "let r = \"\\\\\"; unsafe { f() }",
    ];
    for source in loud {
        assert!(has_word(&code_only(source), "unsafe"), "{source}");
    }
}
