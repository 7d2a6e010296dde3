//! The engine without Python, for `benches/`: one forest that obeys commands, a
//! line each, fields separated by tabs.
//!
//! ```text
//! build TREES SAMPLE DECAY SEED WIDTH FILE   a new forest that has taken the file's rows
//! insert FILE                                take the rows, one call
//! score FILE OUT                             score the rows with the frozen forest, one call
//! row FILE OUT                               the same, a call for each row
//! process FILE OUT                           score each row, then take it; one call
//! attribution FILE OUT                       parts of the scores by column, one call
//! ```
//!
//! Files are plain little-endian: rows of float32, answers of float64. It says
//! `ok WALL CPU` (nanoseconds of the work alone; CPU is the time of the one
//! thread that works) or `error MESSAGE`.

use cpu_time::ThreadTime;
use fastrcf::{Forest, ForestConfig, FrozenForest, Rows, Sampling};
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A living forest, and its frozen form while nothing new is learnt.
struct Peer {
    forest: Forest,
    frozen: FrozenForest,
}

impl Peer {
    fn build(words: &[&str]) -> Outcome<(Peer, String)> {
        let [trees, sample, decay, seed, width, file] = words else {
            return Err("build: expected TREES SAMPLE DECAY SEED WIDTH FILE".into());
        };
        let config = ForestConfig {
            n_trees: trees.parse()?,
            sample_size: sample.parse()?,
            sampling: Sampling::Decay {
                rate: Some(decay.parse()?),
            },
            seed: seed.parse()?,
            n_threads: 1,
            ..Default::default()
        };
        let width: usize = width.parse()?;
        let mut forest = Forest::new(config, width)?;
        let values = read(file)?;
        let clock = Clock::start();
        forest.insert(&Rows::from_f32(&values, width)?)?;
        let said = clock.stop();
        let frozen = forest.freeze()?;
        Ok((Peer { forest, frozen }, said))
    }

    /// Does one work, timed, and writes its answer.
    fn work(&mut self, words: &[&str]) -> Outcome<String> {
        let (Some(work), Some(file)) = (words.first(), words.get(1)) else {
            return Err("expected WORK FILE [OUT]".into());
        };
        let values = read(file)?;
        let rows = Rows::from_f32(&values, self.forest.n_features())?;
        let mut answer = Vec::with_capacity(rows.n_rows());
        let learns = matches!(*work, "insert" | "process");
        let clock = Clock::start();
        match *work {
            "insert" => self.forest.insert(&rows)?,
            "process" => answer = self.forest.process(&rows)?,
            "score" => answer = self.frozen.score(&rows)?,
            "row" => {
                for row in 0..rows.n_rows() {
                    answer.extend(self.frozen.score(&rows.slice(row..row + 1))?);
                }
            }
            "attribution" => {
                let parts = self.frozen.attribution(&rows)?;
                answer = parts.low;
                answer
                    .iter_mut()
                    .zip(&parts.high)
                    .for_each(|(low, high)| *low += high);
            }
            other => return Err(format!("unknown command {other}").into()),
        }
        let said = clock.stop();
        if learns {
            self.frozen = self.forest.freeze()?;
        }
        if let Some(out) = words.get(2) {
            let bytes: Vec<u8> = answer
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            fs::write(out, bytes)?;
        }
        Ok(said)
    }
}

/// Wall and thread time.
struct Clock(Instant, ThreadTime);

impl Clock {
    fn start() -> Clock {
        Clock(Instant::now(), ThreadTime::now())
    }

    fn stop(self) -> String {
        let (cpu, wall) = (self.1.elapsed(), self.0.elapsed());
        format!("ok\t{}\t{}", wall.as_nanos(), cpu.as_nanos())
    }
}

fn read(file: &str) -> Outcome<Vec<f32>> {
    let bytes = fs::read(file)?;
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{file}: {} bytes are no whole float32", bytes.len()).into());
    }
    Ok(values
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}

fn main() -> io::Result<()> {
    let mut peer: Option<Peer> = None;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split('\t').collect();
        let said = match (words.first(), peer.as_mut()) {
            (Some(&"build"), _) => Peer::build(&words[1..]).map(|(built, said)| {
                peer = Some(built);
                said
            }),
            (_, Some(peer)) => peer.work(&words),
            (_, None) => Err("no forest yet".into()),
        };
        let said = said.unwrap_or_else(|error| format!("error\t{error}"));
        writeln!(out, "{said}")?;
        out.flush()?;
    }
    Ok(())
}
