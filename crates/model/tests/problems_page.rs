//! `docs/problems.md` is written from the table of problem codes. `UPDATE_DOCS=1 cargo test -p model` writes it anew.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is a failure")]

use std::fmt::Write as _;
use std::path::Path;

use model::problem;

fn page() -> String {
    let mut page = String::from(
        "# Problem codes\n\nWritten from `crates/model/src/problem.rs`; do not change it here.\n\n\
         | Code | HTTP | What is wrong, and what to do |\n|---|---|---|\n",
    );
    for row in problem::ALL {
        writeln!(page, "| {} | {} | {} |", row.code, row.status, row.title).unwrap();
    }
    page.push_str(
        "\n## Entries of `validationErrors`\n\n| Code | Path | What is wrong, and what to do |\n|---|---|---|\n",
    );
    for row in problem::validation::ALL {
        writeln!(page, "| {} | `{}` | {} |", row.code, row.path, row.title).unwrap();
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems.md");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page(), "docs/problems.md is stale: UPDATE_DOCS=1 cargo test -p model");
}
