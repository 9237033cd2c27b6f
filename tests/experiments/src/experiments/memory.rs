//! `memory`: bytes of one layer's state by the type that keeps it, triangles against squares.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use shampoo_core::config::Config;
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F64, Precision};
use shampoo_core::tensor::{Lengths, state_bytes};
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{Builder, SERVER_CONFIG};

use crate::error::Error;
use crate::report::{self, table::aligned};

/// The layer.
const SHAPE: [usize; 2] = [1024, 512];

/// The size that it is cut at.
const BLOCK: usize = 128;

const CONFIG: Config = Config { block_size: BLOCK, packed_products: true, ..SERVER_CONFIG };

/// The same with whole squares in the workspace.
const SQUARES: Config = Config { packed_products: false, ..CONFIG };

/// Worked out by the compiler.
const NEED: Lengths = Lengths::of(&SHAPE, &CONFIG);

/// Bytes of the optimizer's state for a layer of 1024 x 512 at block 128, by the type that keeps statistics and roots.
///
/// What the library's constant formula says, what the runtime has allocated, and what whole squares in place of triangles
/// would take. The program fails if the first two differ.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Write the table as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Bytes by one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Line {
    store: &'static str,
    /// Of the buffers that were allocated.
    statistics: usize,
    roots: usize,
    graft: usize,
    momentum: usize,
    allocated: usize,
    /// Of the constant formula.
    formula: usize,
    /// With both triangles of every statistic and root.
    squares: usize,
    /// Of the workspace for one thread's products: with triangles used in place, and with squares.
    work_in_place: usize,
    work_squares: usize,
}

/// The JSON object.
#[derive(Debug, Serialize)]
struct Report {
    experiment: &'static str,
    shape: [usize; 2],
    block: usize,
    lines: Vec<Line>,
}

impl Line {
    /// Allocates the layer's state and measures it; `formula` is the constant one.
    fn of<P: Precision>(store: &'static str, formula: usize) -> Result<Self, shampoo_runtime::Error>
    where
        Server: Kernel<P::Root>,
    {
        const NAME: &str = "layer";
        let builder = Builder::<P>::with_precision().config(CONFIG).threads(1);
        let shampoo = builder.parameter(NAME, &SHAPE).build()?;
        let unknown = || shampoo_runtime::Error::Unknown { parameter: NAME.to_owned() };
        let tensor = shampoo.tensor(NAME).ok_or_else(unknown)?;
        let [statistics, roots] = [tensor.statistics(), tensor.roots()].map(size_of_val);
        let [graft, momentum] = [tensor.graft_state(), tensor.momentum()].map(size_of_val);
        let partition = tensor.partition();
        let factors = partition.factors(0..partition.factor_count());
        let squares = factors.map(|factor| factor.order * factor.order).sum::<usize>() * 2 * size_of::<P::Store>();
        let work = |config: &Config| Lengths::of(&SHAPE, config).work * size_of::<P::Work>();
        Ok(Self {
            store,
            statistics,
            roots,
            graft,
            momentum,
            allocated: statistics + roots + graft + momentum,
            formula,
            squares: squares + graft + momentum,
            work_in_place: work(&CONFIG),
            work_squares: work(&SQUARES),
        })
    }

    fn cells(&self) -> [String; 10] {
        let bytes = [self.statistics, self.roots, self.graft, self.momentum, self.allocated, self.formula];
        let [a, b, c, d, e, f] = bytes.map(|bytes| bytes.to_string());
        let percent = 100.0 * self.allocated as f64 / self.squares as f64;
        let squares = format!("{} ({percent:.0} %)", self.squares);
        let [g, h] = [self.work_in_place, self.work_squares].map(|bytes| bytes.to_string());
        [self.store.to_owned(), a, b, c, d, e, f, squares, g, h]
    }
}

fn lines() -> Result<Vec<Line>, shampoo_runtime::Error> {
    const FORMULAS: [usize; 5] = [
        state_bytes::<F32>(&SHAPE, CONFIG),
        state_bytes::<F64>(&SHAPE, CONFIG),
        state_bytes::<Bf16Store>(&SHAPE, CONFIG),
        state_bytes::<Bf16x2Store>(&SHAPE, CONFIG),
        state_bytes::<Bf16x3Store>(&SHAPE, CONFIG),
    ];
    let [f32, f64, one, two, three] = FORMULAS;
    Ok(vec![
        Line::of::<F32>("f32", f32)?,
        Line::of::<F64>("f64", f64)?,
        Line::of::<Bf16Store>("bfloat16", one)?,
        Line::of::<Bf16x2Store>("2 x bfloat16", two)?,
        Line::of::<Bf16x3Store>("3 x bfloat16", three)?,
    ])
}

/// Prints the table, and fails where the formula is not what is allocated.
///
/// # Errors
/// There is no memory for the layer, or the JSON file cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let lines = lines()?;
    let [rows, columns] = SHAPE;
    println!("{rows} x {columns} at block {BLOCK}: {} factors, {} numbers of statistics", NEED.slots, NEED.statistics);
    let head = [
        "kept as",
        "statistics",
        "roots",
        "graft",
        "momentum",
        "allocated",
        "formula",
        "with squares",
        "work",
        "with squares",
    ];
    let rows = [head.map(str::to_owned)].into_iter().chain(lines.iter().map(Line::cells));
    print!("{}", aligned(&rows.collect::<Vec<_>>()));
    let differ = lines.iter().filter(|line| line.allocated != line.formula).count();
    println!("bytes; the formula differs from what is allocated in {differ} of {} lines", lines.len());
    if let Some(path) = &args.json {
        report::write_json(&Report { experiment: "memory", shape: SHAPE, block: BLOCK, lines }, path)?;
    }
    Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn the_formula_is_what_is_allocated() {
        let lines = lines().expect("a few megabytes");
        for line in &lines {
            assert_eq!(line.allocated, line.formula, "{line:?}");
        }
        // 32 blocks of 2 x 8256 numbers, or of 2 x 128 x 128.
        assert_eq!((lines[0].statistics, lines[0].roots), (4 * 32 * 2 * 8256, 4 * 32 * 2 * 8256));
        assert_eq!(lines[0].squares - lines[0].allocated, 4 * 2 * 32 * 2 * (128 * 128 - 8256));
        assert_eq!((lines[2].statistics, lines[4].statistics), (2 * 32 * 2 * 8256, 6 * 32 * 2 * 8256));
        assert_eq!(lines[1].momentum, 8 * 1024 * 512);
        // One block and its triangle, or some rows of it; SM3 and two buffers would need no more.
        assert_eq!((lines[0].work_squares, lines[0].work_in_place), (4 * 2 * 128 * 128, 4 * (8 * 128 + 128 * 128)));
    }
}
