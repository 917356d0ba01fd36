//! The order of measurement: all programs run side by side and are measured in turn, slice after
//! slice, round after round.
//!
//! Absolute times drift within seconds with everything else that a machine does, so that only
//! what was measured at nearly the same time is compared. No program is always the first, or always
//! behind the same one. Each round starts the programs anew, since the place of things in memory
//! differs from one process to the next.

use super::Outcome;
use std::error::Error;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// The time for which one program is measured before it is another's turn.
const SLICE: Duration = Duration::from_millis(30);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    /// For each program and round, all slices together.
    pub(crate) duration: Duration,
}

/// A program that runs and can be measured.
pub(crate) trait Session: Sized {
    /// What one slice finds out; slices of a round are added up.
    type Finding: AddAssign + Default;

    /// Measures for about as long as `slice`.
    ///
    /// # Errors
    /// If the program fails.
    fn measure(&mut self, slice: Duration) -> Outcome<Self::Finding>;

    /// Called once at the end of a round.
    ///
    /// # Errors
    /// If the program has done what it should not.
    fn finish(self) -> Outcome<()> {
        Ok(())
    }
}

/// What is measured in turn with others.
pub(crate) trait Contestant {
    /// What messages call it.
    fn label(&self) -> String;
}

/// A program in one round.
struct Running<S: Session> {
    /// Its place in the list of programs.
    index: usize,
    name: String,
    session: S,
    sum: S::Finding,
}

impl<S: Session> Running<S> {
    fn blame(name: &str, error: &dyn Error) -> Box<dyn Error> {
        format!("{name}: {error}").into()
    }

    fn measure(&mut self) -> Outcome<()> {
        let found = self.session.measure(SLICE);
        self.sum += found.map_err(|error| Self::blame(&self.name, &*error))?;
        Ok(())
    }

    fn finish(self) -> Outcome<S::Finding> {
        let finished = self.session.finish();
        finished.map_err(|error| Self::blame(&self.name, &*error))?;
        Ok(self.sum)
    }
}

/// Measures all programs. The answer has a list for each program, one finding a round.
///
/// # Errors
/// The first error of a program, with its name.
pub(crate) fn interleave<C: Contestant, S: Session>(
    extent: Extent,
    programs: &[C],
    mut start: impl FnMut(&C) -> Outcome<S>,
) -> Outcome<Vec<Vec<S::Finding>>> {
    let mut findings: Vec<Vec<S::Finding>> = programs.iter().map(|_| Vec::new()).collect();
    for round in 0..extent.rounds {
        let mut order: Vec<(usize, &C)> = programs.iter().enumerate().collect();
        order.rotate_left(round % programs.len().max(1));
        let mut running: Vec<Running<S>> = Vec::with_capacity(programs.len());
        for (index, program) in order {
            let name = program.label();
            let session = start(program).map_err(|error| Running::<S>::blame(&name, &*error))?;
            running.push(Running {
                index,
                name,
                session,
                sum: S::Finding::default(),
            });
        }
        take_turns(&mut running, extent.duration)?;
        for program in running {
            if let Some(findings) = findings.get_mut(program.index) {
                findings.push(program.finish()?);
            }
        }
    }
    Ok(findings)
}

/// Lets each program be first as often as any other, and come after each of the others.
fn take_turns<S: Session>(running: &mut [Running<S>], duration: Duration) -> Outcome<()> {
    let end = duration * u32::try_from(running.len())?;
    let start = Instant::now();
    while start.elapsed() < end {
        for _ in 0..running.len() {
            for program in &mut *running {
                program.measure()?;
            }
            running.rotate_left(1);
        }
        running.reverse();
    }
    Ok(())
}
