//! The workspace as cargo and git see it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// What `cargo metadata` says of the workspace and of everything below it, on all platforms.
pub(super) struct Metadata {
    /// All packages, ours and others', by cargo's id.
    pub(super) packages: BTreeMap<String, Package>,
    /// The ids of ours.
    pub(super) members: Vec<String>,
}

/// One package of the graph.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// The SPDX expression of its manifest; empty where there is none.
    pub(super) licence: String,
    /// What its manifest asks for from elsewhere, packages of this workspace left out.
    pub(super) declared: Vec<Declared>,
    /// The ids of what it links, tests and build scripts left out.
    pub(super) links: Vec<String>,
    /// The source files that are roots of a library, a program or a build script.
    pub(super) roots: Vec<PathBuf>,
}

/// One line under `[dependencies]` or its siblings.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) tests_only: bool,
}

impl Metadata {
    /// The packages of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().map(|id| &self.packages[id])
    }
}

/// The repository's top directory.
pub(super) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("tests/ has a parent")
            .to_path_buf()
    })
}

/// The whole graph, asked for once.
pub(super) fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let text = run(cargo(), &["metadata", "--locked", "--format-version", "1"]);
        read_metadata(&serde_json::from_str(&text).expect("cargo metadata prints JSON"))
    })
}

/// `cargo tree` with the given arguments, as a set of `(name, version)`.
pub(super) fn tree(arguments: &[&str]) -> BTreeSet<(String, String)> {
    let fixed = ["tree", "--locked", "--prefix", "none", "--format", "{p}"];
    run(cargo(), &[&fixed, arguments].concat())
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(' ')?;
            let version = rest.split(' ').next()?.trim_start_matches('v');
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// The names in a `cargo tree`.
pub(super) fn tree_names(arguments: &[&str]) -> BTreeSet<String> {
    tree(arguments).into_iter().map(|(name, _)| name).collect()
}

/// Every file that is committed or would be, as paths from the repository's top.
pub(super) fn files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let listed = run(
            "git",
            &[
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
        );
        let mut files: Vec<String> = listed
            .split('\0')
            .filter(|path| !path.is_empty() && root().join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        assert!(files.len() > 20, "git lists only {} files", files.len());
        files
    })
}

/// The text of a file, or nothing where it is not text.
pub(super) fn text_of(path: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(path)).expect("a listed file can be read")).ok()
}

fn cargo() -> &'static str {
    env!("CARGO")
}

/// Runs a program at the repository's top and hands back what it prints.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    assert!(
        output.status.success(),
        "{program} {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn read_metadata(json: &Value) -> Metadata {
    let mut links: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in list(&json["resolve"]["nodes"]) {
        let linked = list(&node["deps"])
            .iter()
            .filter(|dep| {
                list(&dep["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null())
            })
            .map(|dep| string(&dep["pkg"]).to_owned());
        links.insert(string(&node["id"]), linked.collect());
    }
    let packages = list(&json["packages"]).iter().map(|package| {
        let id = string(&package["id"]);
        let read = Package {
            name: string(&package["name"]).to_owned(),
            version: string(&package["version"]).to_owned(),
            licence: package["license"].as_str().unwrap_or_default().to_owned(),
            declared: list(&package["dependencies"])
                .iter()
                .filter_map(declared)
                .collect(),
            links: links.remove(id).unwrap_or_default(),
            roots: list(&package["targets"])
                .iter()
                .filter_map(crate_root)
                .collect(),
        };
        (id.to_owned(), read)
    });
    Metadata {
        packages: packages.collect(),
        members: list(&json["workspace_members"])
            .iter()
            .map(|id| string(id).to_owned())
            .collect(),
    }
}

fn declared(json: &Value) -> Option<Declared> {
    json["path"].is_null().then(|| Declared {
        name: string(&json["name"]).to_owned(),
        tests_only: json["kind"] == "dev",
    })
}

fn crate_root(json: &Value) -> Option<PathBuf> {
    let kinds = list(&json["kind"]);
    let for_tests = ["test", "bench", "example"];
    let shipped = kinds.iter().all(|kind| !for_tests.contains(&string(kind)));
    shipped.then(|| PathBuf::from(string(&json["src_path"])))
}

fn list(json: &Value) -> &[Value] {
    json.as_array().expect("a list in cargo's metadata")
}

fn string(json: &Value) -> &str {
    json.as_str().expect("a string in cargo's metadata")
}
