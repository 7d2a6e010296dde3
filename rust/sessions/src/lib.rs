//! Session records of IoT networks, made up from a seed and labelled.
//!
//! A [`World`] holds what SIMs share: fleets, outages, incidents. A SIM's traits
//! and its timeline follow from the seed and its number alone, so that blocks of
//! SIMs can be made in any order, on any number of threads, with the same bytes.
//! A [`Block`] is the sessions of consecutive SIMs as columns, day by day.
//!
//! [`usual_gaps`] and [`slot_facts`] are facts of records, of whatever origin, that the
//! features of the telecom application are made of.

mod behaviour;
mod block;
mod clock;
mod columns;
mod events;
mod facts;
mod families;
mod incidents;
mod names;
mod places;
mod rng;
mod session;
mod timeline;
mod upkeep;
mod world;

pub use block::{Block, Tally};
pub use clock::{DAY, HOUR};
pub use columns::{Coded, Day};
pub use facts::{SLOTS, SlotFacts, slot_facts, usual_gaps};
pub use families::{CAUSES, Family, PLANS, RATS, SERVICES};
pub use incidents::{Incident, Kind};
pub use names::{Names, hex, sim_text};
pub use places::{Cell, Operator, kilometres};
pub use session::Session;
pub use timeline::timeline;
pub use world::{Customer, Params, Sim, World};
