//! Taking turns and times.

use std::ops::Range;
use std::time::Instant;

use crate::figures::quantile;

/// How many questions are timed together, so that the clock does not matter.
pub const BATCH: usize = 64;

/// Something that answers questions.
pub struct Contestant<'a> {
    /// Its name in the table.
    pub name: String,
    /// How many batches of each round it gets. Slow ones get fewer, other ones each round.
    batches: usize,
    /// Whether it answers each batch once before it is timed.
    is_warm: bool,
    /// Answers the questions in a range, once before if it is to be warm: how many are Permit, and nanoseconds.
    answer: Box<dyn FnMut(Range<usize>, bool) -> (usize, f64) + 'a>,
    /// How many of each batch are Permit.
    expected: Vec<usize>,
    /// Nanoseconds for a question, of each batch that was timed.
    times: Vec<f64>,
}

/// What a question took.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// In the middle batch, in nanoseconds.
    pub median: f64,
    /// In the batch that one in a hundred is slower than.
    pub p99: f64,
}

impl<'a> Contestant<'a> {
    /// Something that answers each question by itself. What it is asked is made right before each batch, and no time
    /// is taken of that: a server decides on what it has just read.
    ///
    /// # Errors
    /// Any answer that is not the one `permitted` says: all are asked for here.
    pub fn new<Q>(
        name: &str,
        permitted: &[bool],
        ask: impl Fn(usize) -> Q + 'a,
        mut answer: impl FnMut(usize, &Q) -> anyhow::Result<bool> + 'a,
    ) -> anyhow::Result<Self> {
        for (at, expected) in permitted.iter().enumerate() {
            let is_right = answer(at, &ask(at))? == *expected;
            anyhow::ensure!(is_right, "{name} answers question {at} otherwise");
        }
        let expected = permitted.chunks_exact(BATCH).map(|batch| batch.iter().filter(|is| **is).count());
        let answer = move |range: Range<usize>, is_warm: bool| {
            let asked: Vec<(usize, Q)> = range.map(|at| (at, ask(at))).collect();
            let mut all = || asked.iter().filter(|(at, question)| answer(*at, question).unwrap_or_default()).count();
            if is_warm {
                all();
            }
            let begin = Instant::now();
            let permits = all();
            (permits, begin.elapsed().as_secs_f64() * 1e9)
        };
        Ok(Self {
            name: name.to_owned(),
            batches: usize::MAX,
            is_warm: false,
            answer: Box::new(answer),
            expected: expected.collect(),
            times: vec![],
        })
    }

    /// Gets only so many batches of each round.
    #[must_use]
    pub fn at_most(self, batches: usize) -> Self {
        Self { batches, ..self }
    }

    /// Answers each batch once before it is timed, so that what it takes is in the processor's caches: what is left is
    /// the work.
    #[must_use]
    pub fn warm(self) -> Self {
        Self { name: format!("{}, warm", self.name), is_warm: true, ..self }
    }

    fn round(&mut self, round: usize) {
        let all = self.expected.len();
        let count = self.batches.min(all);
        for at in 0..count {
            let batch = (round * count + at) % all;
            let (permits, time) = (self.answer)(batch * BATCH..(batch + 1) * BATCH, self.is_warm);
            assert_eq!(permits, self.expected[batch], "{} answers batch {batch} otherwise", self.name);
            self.times.push(time / BATCH as f64);
        }
    }
}

/// Lets all take turns for so many rounds, each in turn being the first, and says what a question took each of them. A
/// round before the first warms up and does not count.
pub fn take_turns(contestants: &mut [Contestant], rounds: usize) -> Vec<Figure> {
    for contestant in &mut *contestants {
        contestant.round(0);
        contestant.times.clear();
    }
    let count = contestants.len();
    for round in 0..rounds {
        for turn in 0..count {
            contestants[(round + turn) % count].round(round);
        }
    }
    let figure = |contestant: &mut Contestant| Figure {
        median: quantile(&mut contestant.times, 0.5),
        p99: quantile(&mut contestant.times, 0.99),
    };
    contestants.iter_mut().map(figure).collect()
}
