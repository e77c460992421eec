//! Writes the seeds of every target into the folder `fuzz/corpus`, for cargo-fuzz to begin from.

use std::path::Path;

fn main() -> std::io::Result<()> {
    for (target, _) in fuzz_targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        let seeds = fuzz_targets::seeds(target);
        for (index, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index}")), seed)?;
        }
        println!("{target}: {} seeds", seeds.len());
    }
    Ok(())
}
