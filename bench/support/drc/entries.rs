//! Joins into a channel that has members already: what a joiner costs by what it is told.

use super::answer::Tally;
use super::crowd::Crowd;
use super::request::Role;
use crate::support::Outcome;
use crate::support::cost::{self, Cost};
use crate::support::server::{Program, Server};
use crate::support::statistics::summary;
use crate::support::table::Table;

/// Clients that join, one at a time.
const JOINERS: usize = 16;

/// What joins took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joins {
    /// The units are joins.
    cost: Cost,
    /// What was sent for them.
    pub(crate) told: Tally,
}

/// In the order in which they join.
const ROLES: [Role; 3] = [Role::Receiver, Role::Sender, Role::Authority];

/// Lets a few of each role join a channel of `members` receivers.
///
/// # Errors
/// If the server cannot be started, or somebody is told too little or too much.
pub(crate) fn measure(program: &Program, members: usize) -> Outcome<Vec<Joins>> {
    let server = program.start()?;
    let mut crowd = Crowd::new(server.address())?;
    crowd.admit(members, Role::Receiver)?;
    let join = |role| join(&server, &mut crowd, role);
    ROLES.into_iter().map(join).collect()
}

fn join(server: &Server, crowd: &mut Crowd, role: Role) -> Outcome<Joins> {
    let joiners = crowd.connect(JOINERS, role)?;
    crowd.grant(joiners.clone())?;
    let (told, time) = (crowd.tally(), server.processor_time()?);
    crowd.join(joiners, 1)?;
    Ok(Joins {
        cost: Cost {
            units: JOINERS as u64,
            processor_time: server.processor_time()? - time,
        },
        told: crowd.tally() - told,
    })
}

/// Measures joins into channels of these sizes, in turn in each round, and prints what they took.
///
/// # Errors
/// If the server cannot be started, or somebody is told too little or too much.
pub(crate) fn report(program: &Program, rounds: usize, sizes: &[usize]) -> Outcome<()> {
    println!(
        "{JOINERS} of each role join a channel of receivers, one at a time: what one is told, how \
         many are told of it,\nand processor time of the server for all of it.\n"
    );
    let mut table = Table::new(&["members", "joiner", "listed", "KiB", "told", "us/join"]);
    let mut all: Vec<Vec<Vec<Joins>>> = sizes.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (&size, found) in sizes.iter().zip(&mut all) {
            eprintln!("round {round}: joins into a channel of {size}");
            found.push(measure(program, size)?);
        }
    }
    for (size, found) in sizes.iter().zip(&all) {
        for (index, role) in ROLES.iter().enumerate() {
            let joins: Vec<Joins> = found
                .iter()
                .filter_map(|joins| joins.get(index))
                .copied()
                .collect();
            table.row(row(*size, *role, &joins));
        }
    }
    table.print();
    Ok(())
}

fn row(size: usize, role: Role, joins: &[Joins]) -> Vec<String> {
    let each = |count: &dyn Fn(&Tally) -> u64| {
        summary(
            joins
                .iter()
                .map(|joins| count(&joins.told) as f64 / JOINERS as f64),
        )
        .median
    };
    let costs: Vec<Cost> = joins.iter().map(|joins| joins.cost).collect();
    vec![
        size.to_string(),
        role.name().into(),
        format!("{:.0}", each(&|told| told.listed)),
        format!("{:.1}", each(&|told| told.list_bytes) / 1024.0),
        format!("{:.0}", each(&|told| told.known - told.listed)),
        cost::median(&costs),
    ]
}
