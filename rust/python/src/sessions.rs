//! Session records made up from a seed: blocks of SIMs, as columns of their days; and facts of
//! sessions that are no differences of running sums.

use crate::interrupt::run;
use fastrcf_sessions::{Block, Day, Names, Params, World, sim_text};
use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// What all SIMs share.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct SessionWorld {
    world: Arc<World>,
}

/// The sessions of a block of SIMs.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct SessionBlock {
    world: Arc<World>,
    block: Block,
}

/// Number, label, onset, end, strength, whether silent devices come back, SIMs, words.
type Told = (u32, &'static str, i64, i64, f64, bool, Vec<u32>, String);

#[pymethods]
impl SessionWorld {
    #[new]
    #[pyo3(signature = (*, sims, days, seed, first_day, fraud))]
    fn new(
        py: Python<'_>,
        sims: u32,
        days: u32,
        seed: u64,
        first_day: i64,
        fraud: f64,
    ) -> PyResult<Self> {
        let right =
            sims > 0 && (1..=3660).contains(&days) && (-700_000..700_000).contains(&first_day);
        if !right || !(0.0..=100.0).contains(&fraud) {
            return Err(PyValueError::new_err(
                "out of range; fastrcf.telecom checks",
            ));
        }
        let params = Params {
            sims,
            days,
            seed,
            first_day,
            fraud,
        };
        let world = run(py, |_| Ok(World::new(params)))?;
        Ok(SessionWorld {
            world: Arc::new(world),
        })
    }

    /// Makes the sessions of the SIMs from one number up to another.
    fn block(&self, py: Python<'_>, start: u32, stop: u32) -> PyResult<SessionBlock> {
        if start > stop || stop > self.world.params.sims {
            return Err(PyValueError::new_err("no such SIMs"));
        }
        let block = run(py, |_| Ok(Block::new(&self.world, start, stop)))?;
        Ok(SessionBlock {
            world: Arc::clone(&self.world),
            block,
        })
    }

    /// What is known of each incident.
    fn incidents(&self) -> Vec<Told> {
        let told = self.world.incidents.iter().map(|incident| {
            (
                incident.number,
                incident.kind.label(),
                incident.onset,
                incident.end,
                incident.strength,
                incident.returns,
                incident.sims.clone(),
                incident.words(),
            )
        });
        told.collect()
    }

    /// Traits of the SIMs from one number up to another, as columns.
    fn sims<'py>(&self, py: Python<'py>, start: u32, stop: u32) -> PyResult<Bound<'py, PyDict>> {
        if start > stop || stop > self.world.params.sims {
            return Err(PyValueError::new_err("no such SIMs"));
        }
        let world = &self.world;
        let columns = run(py, |_| {
            let mut columns: [Names; 7] = std::array::from_fn(|_| Names::default());
            let mut numbers = (Vec::new(), Vec::new(), Vec::new());
            for number in start..stop {
                let sim = world.sim(number);
                let customer = &world.customers[sim.customer];
                sim_text(world.params.seed, number, &mut columns[0].bytes);
                columns[0].close();
                let zone = world.zone(customer.home, sim.operator.country());
                let plan = fastrcf_sessions::PLANS[usize::from(customer.plan)];
                columns[1].push(sim.family.name());
                columns[2].push(&customer.name);
                columns[3].push(&customer.home.text());
                columns[4].push(&sim.operator.text());
                columns[5].push(&sim.cells[0].text());
                columns[6].push(&format!("{plan}/zone{zone}"));
                let (lat, lon) = sim.cells[0].position();
                numbers.0.push(lat);
                numbers.1.push(lon);
                numbers.2.push(sim.from);
            }
            Ok((columns, numbers))
        })?;
        let out = PyDict::new(py);
        let (texts, (lat, lon, from)) = columns;
        let names = [
            "sim_id",
            "family",
            "customer",
            "home_plmn",
            "network",
            "home_cell",
            "tariff",
        ];
        for (name, text) in names.into_iter().zip(texts) {
            put_names(&out, name, text)?;
        }
        put(&out, "home_lat", lat)?;
        put(&out, "home_lon", lon)?;
        put(&out, "active_from", from)?;
        Ok(out)
    }
}

#[pymethods]
impl SessionBlock {
    fn __len__(&self) -> usize {
        self.block.len()
    }

    /// Sessions of each family, in the order of their names in `FAMILIES`.
    fn families(&self) -> [u64; 6] {
        self.block.families()
    }

    /// Numbers of incidents, each with how many of its sessions are here.
    fn tallies(&self) -> Vec<(u32, u64)> {
        let tallies = self.block.tallies();
        tallies.iter().map(|t| (t.incident, t.sessions)).collect()
    }

    /// The columns of a day, sorted by start and SIM: arrays, and for texts where each begins.
    fn day<'py>(&self, py: Python<'py>, day: usize) -> PyResult<Bound<'py, PyDict>> {
        let made: Day = run(py, |_| Ok(self.block.day(&self.world, day)))?;
        let out = PyDict::new(py);
        put_names(&out, "session_id", made.session_id)?;
        for (name, coded) in [
            ("sim_id", made.sim_id),
            ("device_id", made.device_id),
            ("service", made.service),
            ("apn", made.apn),
            ("rat", made.rat),
            ("visited_plmn", made.visited_plmn),
            ("home_plmn", made.home_plmn),
            ("cell", made.cell),
            ("end_cause", made.end_cause),
            ("tariff", made.tariff),
            ("customer", made.customer),
            ("family", made.family),
            ("firmware", made.firmware),
            ("label", made.label),
        ] {
            let codes = PyArray1::from_vec(py, coded.codes);
            let offsets = PyArray1::from_vec(py, coded.names.offsets);
            let bytes = PyArray1::from_vec(py, coded.names.bytes);
            out.set_item(name, (codes, offsets, bytes))?;
        }
        put(&out, "start_ts", made.start_ts)?;
        put(&out, "end_ts", made.end_ts)?;
        put(&out, "duration_s", made.duration_s)?;
        put(&out, "bytes_up", made.bytes_up)?;
        put(&out, "bytes_down", made.bytes_down)?;
        put(&out, "sms_mo", made.sms_mo)?;
        put(&out, "sms_mt", made.sms_mt)?;
        put(&out, "cell_lat", made.cell_lat)?;
        put(&out, "cell_lon", made.cell_lon)?;
        put(&out, "cost", made.cost)?;
        put(&out, "incident", made.incident)?;
        put(&out, "labelled", made.labelled)?;
        out.set_item("n_labelled", made.n_labelled)?;
        Ok(out)
    }
}

/// Adds an array that takes over the memory.
fn put<T: Element>(out: &Bound<'_, PyDict>, name: &str, values: Vec<T>) -> PyResult<()> {
    out.set_item(name, PyArray1::from_vec(out.py(), values))
}

/// Adds where texts begin, and their bytes.
fn put_names(out: &Bound<'_, PyDict>, name: &str, names: Names) -> PyResult<()> {
    let offsets = PyArray1::from_vec(out.py(), names.offsets);
    out.set_item(name, (offsets, PyArray1::from_vec(out.py(), names.bytes)))
}

/// Integers of records, contiguous.
type Integers<'py> = PyReadonlyArray1<'py, i64>;
/// Sums of n ln n, and counts.
type SlotArrays<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>);

/// The lower median of a SIM's last 31 gaps above 0 before each record; -1 below 3 of them.
#[pyfunction]
pub(crate) fn usual_gaps<'py>(
    py: Python<'py>,
    sims: Integers<'py>,
    gaps: Integers<'py>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (sims, gaps) = (sims.as_slice()?, gaps.as_slice()?);
    let found = run(py, |_| Ok(fastrcf_sessions::usual_gaps(sims, gaps)))?;
    Ok(PyArray1::from_vec(py, found))
}

/// Sums of n ln n over the slots of windows, and how many records are in the record's own slot.
#[pyfunction]
pub(crate) fn slot_facts<'py>(
    py: Python<'py>,
    slots: PyReadonlyArray1<'py, i32>,
    first: Integers<'py>,
    n_log_n: PyReadonlyArray1<'py, f64>,
) -> PyResult<SlotArrays<'py>> {
    let (slots, first, n_log_n) = (slots.as_slice()?, first.as_slice()?, n_log_n.as_slice()?);
    let found = run(py, |_| {
        Ok(fastrcf_sessions::slot_facts(slots, first, n_log_n))
    })?;
    let found = found.map_err(PyValueError::new_err)?;
    Ok((
        PyArray1::from_vec(py, found.logs),
        PyArray1::from_vec(py, found.same),
    ))
}
