//! The scripts of others are what their README says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

#[test]
fn vendored_scripts_are_unchanged() {
    for folder in ["assets/vendor", "tests/vendor"] {
        compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    }
}

fn compare(folder: &Path) {
    let list = fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = list.lines().filter(|line| line.starts_with("| ") && line.contains(".js |"));
    let mut listed: Vec<String> = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let digest = Sha256::digest(fs::read(folder.join(cells[1])).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, cells[5], "{}", cells[1]);
        listed.push(cells[1].to_owned());
    }
    let mut there: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.retain(|name| name != "README.md" && !name.starts_with("LICENSE"));
    there.sort();
    listed.sort();
    assert_eq!(listed, there);
    assert!(!there.is_empty());
}
