//! The order of measurement: all programs run side by side and are measured in turn, slice after
//! slice, round after round.
//!
//! Absolute times drift within seconds with everything else that a machine does, so that only
//! what was measured at nearly the same time is compared. Each slice begins with another
//! program. Each round starts the programs anew, since the place of things in memory differs
//! from one process to the next.

use super::Outcome;
use super::server::Program;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// The time for which one program is measured before it is another's turn.
const SLICE: Duration = Duration::from_millis(50);

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

/// Measures all programs. The answer has a list for each program, one finding a round.
///
/// # Errors
/// The first error of a program, with its name.
pub(crate) fn interleave<S: Session>(
    extent: Extent,
    programs: &[Program],
    mut start: impl FnMut(&Program) -> Outcome<S>,
) -> Outcome<Vec<Vec<S::Finding>>> {
    let mut findings: Vec<Vec<S::Finding>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..extent.rounds {
        let mut sessions = Vec::with_capacity(programs.len());
        for program in programs {
            sessions.push(start(program).map_err(|error| blame(program, &*error))?);
        }
        for (found, all) in one_round(extent.duration, programs, &mut sessions)?
            .into_iter()
            .zip(&mut findings)
        {
            all.push(found);
        }
        for (session, program) in sessions.into_iter().zip(programs) {
            session.finish().map_err(|error| blame(program, &*error))?;
        }
    }
    Ok(findings)
}

fn one_round<S: Session>(
    duration: Duration,
    programs: &[Program],
    sessions: &mut [S],
) -> Outcome<Vec<S::Finding>> {
    let start = Instant::now();
    let end = duration * u32::try_from(programs.len())?;
    let mut sums: Vec<S::Finding> = programs.iter().map(|_| S::Finding::default()).collect();
    for slice in 0.. {
        if start.elapsed() >= end && slice > 0 {
            break;
        }
        let mut order: Vec<_> = programs.iter().zip(&mut *sessions).zip(&mut sums).collect();
        order.rotate_left(slice % programs.len().max(1));
        for ((program, session), sum) in order {
            *sum += session
                .measure(SLICE)
                .map_err(|error| blame(program, &*error))?;
        }
    }
    Ok(sums)
}

fn blame(program: &Program, error: &dyn std::error::Error) -> Box<dyn std::error::Error> {
    format!("{}: {error}", program.name()).into()
}
