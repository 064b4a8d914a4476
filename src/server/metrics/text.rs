//! A reading in Prometheus' text form.

use ringfence_codec::MetricsPage;
use ringfence_node::counters::{Reading, State, TimesReading};

/// The reading in Prometheus' text form, version 0.0.4. `docs/operating.md` says of each number
/// what it means.
#[must_use]
pub fn metrics_text(reading: &Reading) -> String {
    let mut page = MetricsPage::new("ringfence_");
    engine(&mut page, reading);
    pipeline(&mut page, reading);
    journal(&mut page, reading);
    outcomes(&mut page, reading);
    tables(&mut page, reading);
    server(&mut page, reading);
    snapshots(&mut page, reading);
    page.into_text() + &process(reading)
}

fn engine(page: &mut MetricsPage, reading: &Reading) {
    let help = "Version of the program, identity of the journal.";
    page.family("build_info", "gauge", help);
    page.sample(&[("version", &reading.version), ("journal", &reading.journal_id)], 1);
    let is_ready = u8::from(reading.state == State::Ready);
    page.single("ready", "gauge", "1 while the engine takes commands.", is_ready);
    page.single("epoch", "gauge", "Epoch of the journal, raised by repair.", reading.epoch);
    page.single("sequence", "gauge", "Sequence of the last command taken in.", reading.sequence);
}

fn pipeline(page: &mut MetricsPage, reading: &Reading) {
    page.family("stage_sequence", "gauge", "Last sequence that a stage has handed on.");
    for stage in &reading.stages {
        page.sample(&[("stage", &stage.name)], stage.sequence);
    }
    let help = "Commands that a stage is behind what is taken in.";
    page.family("stage_lag_commands", "gauge", help);
    for stage in &reading.stages {
        page.sample(&[("stage", &stage.name)], stage.lag);
    }
    page.family("ring_slots", "gauge", "Slots of a ring.");
    for ring in &reading.rings {
        page.sample(&[("ring", &ring.name)], ring.slots);
    }
    page.family("ring_free_slots", "gauge", "Slots of a ring that are free.");
    for ring in &reading.rings {
        page.sample(&[("ring", &ring.name)], ring.free);
    }
    if let Some(log) = &reading.outcome_log {
        let help = "Oldest outcome that is kept in the outcome log.";
        page.single("outcome_log_first_sequence", "gauge", help, log.first_sequence);
        let help = "Newest outcome in the outcome log.";
        page.single("outcome_log_last_sequence", "gauge", help, log.last_sequence);
    }
}

fn journal(page: &mut MetricsPage, reading: &Reading) {
    if let Some(journal) = &reading.journal {
        let help = "Bytes written to the journal since the start.";
        page.single("journal_bytes_total", "counter", help, journal.bytes);
        let help = "Groups of commands written to the journal since the start.";
        page.single("journal_groups_total", "counter", help, journal.groups);
        let help = "Commands in these groups.";
        page.single("journal_commands_total", "counter", help, journal.commands);
        let help = "Time to write a group; under --durability sync, until it was durable.";
        page.family("journal_group_seconds", "histogram", help);
        histogram(page, &journal.group_times);
    }
    if let Some(bytes) = reading.disk_free_bytes {
        let help = "Room that is left on the disk of the data directory.";
        page.single("disk_free_bytes", "gauge", help, bytes);
    }
}

fn outcomes(page: &mut MetricsPage, reading: &Reading) {
    page.family("outcomes_total", "counter", "Outcomes published since the start.");
    for outcome in &reading.outcomes {
        page.sample(&[("op", &outcome.op), ("status", &outcome.status)], outcome.count);
    }
    page.family("latency_seconds", "histogram", "Time from taken in to published.");
    histogram(page, &reading.latency);
}

/// The samples of a family of times.
fn histogram(page: &mut MetricsPage, times: &TimesReading) {
    let mut below = 0;
    for (bound, count) in times.bounds_ns.iter().zip(&times.counts) {
        below += count;
        page.sample_of("_bucket", &[("le", &seconds(*bound))], below);
    }
    page.sample_of("_bucket", &[("le", "+Inf")], times.count());
    page.sample_of("_sum", &[], seconds(times.sum_ns));
    page.sample_of("_count", &[], times.count());
}

fn tables(page: &mut MetricsPage, reading: &Reading) {
    page.family("table_used", "gauge", "Places of a table that are taken.");
    for table in &reading.tables {
        page.sample(&[("table", &table.name)], table.used);
    }
    page.family("table_capacity", "gauge", "Places that a table has.");
    for table in &reading.tables {
        page.sample(&[("table", &table.name)], table.capacity);
    }
}

fn server(page: &mut MetricsPage, reading: &Reading) {
    let Some(server) = &reading.server else { return };
    page.single("connections", "gauge", "Connections now.", server.connections);
    page.single("connections_max", "gauge", "Most connections at a time.", server.connections_max);
    page.single("subscriptions", "gauge", "Subscriptions now.", server.subscriptions);
    let help = "Outcomes that a subscription is behind; without a name, the furthest.";
    page.family("subscription_lag_sequences", "gauge", help);
    for lag in &server.subscription_lags {
        let name = lag.name.as_deref().unwrap_or_default();
        page.sample(&[("name", name)], lag.sequences);
    }
    page.single(
        "accepted_total",
        "counter",
        "Connections accepted since the start.",
        server.accepted,
    );
    let help = "Connections refused or ended with an error, by its code.";
    page.family("connection_errors_total", "counter", help);
    for (code, count) in &server.refused {
        page.sample(&[("code", code)], count);
    }
}

fn snapshots(page: &mut MetricsPage, reading: &Reading) {
    let Some(snapshots) = &reading.snapshots else { return };
    let help = "1 while the engine has a snapshot made.";
    page.single("snapshot_running", "gauge", help, u8::from(snapshots.is_running));
    let help = "Snapshots that the engine has had made since the start, by how they ended.";
    page.family("snapshots_total", "counter", help);
    let (made, nothing_new, failed) = (snapshots.made, snapshots.nothing_new, snapshots.failed);
    for (result, count) in [("made", made), ("nothing_new", nothing_new), ("failed", failed)] {
        page.sample(&[("result", result)], count);
    }
    let help = "Last sequence that the newest snapshot covers.";
    page.single("snapshot_last_sequence", "gauge", help, snapshots.last_sequence);
    let help = "Length of the newest snapshot.";
    page.single("snapshot_last_bytes", "gauge", help, snapshots.last_bytes);
    let help = "How long the newest snapshot took.";
    page.single("snapshot_last_took_seconds", "gauge", help, seconds(snapshots.last_took_ns));
    let help = "When the newest snapshot was made, since the Unix epoch.";
    page.single("snapshot_last_made_seconds", "gauge", help, seconds(snapshots.last_made_ns));
}

/// Numbers that every program shows under these names.
fn process(reading: &Reading) -> String {
    let mut page = MetricsPage::new("process_");
    let help = "Memory of the process that is in RAM.";
    page.single("resident_memory_bytes", "gauge", help, reading.resident_bytes);
    page.single("cpu_seconds_total", "counter", "Time on a processor.", seconds(reading.cpu_ns));
    let help = "When the process began, since the Unix epoch.";
    page.single("start_time_seconds", "gauge", help, seconds(reading.started_ns));
    page.into_text()
}

/// Nanoseconds as seconds, exactly.
fn seconds(nanoseconds: u64) -> String {
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{rest:09}");
    text.trim_end_matches('0').to_owned()
}
