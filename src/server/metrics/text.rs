//! A reading in Prometheus' text form.

use std::fmt::{Display, Write};

use ringfence_node::counters::{Reading, State};

/// The reading in Prometheus' text form, version 0.0.4. `docs/operating.md` says of each number
/// what it means.
#[must_use]
pub fn metrics_text(reading: &Reading) -> String {
    let mut page = Page::default();
    engine(&mut page, reading);
    pipeline(&mut page, reading);
    outcomes(&mut page, reading);
    tables(&mut page, reading);
    server(&mut page, reading);
    process(&mut page, reading);
    page.text
}

fn engine(page: &mut Page, reading: &Reading) {
    let labels = [("version", reading.version.as_str()), ("journal", &reading.journal_id)];
    page.family(
        "ringfence_build_info",
        "gauge",
        "Version of the program, identity of the journal.",
    );
    page.sample("ringfence_build_info", &labels, 1);
    page.family("ringfence_ready", "gauge", "1 while the engine takes commands.");
    page.sample("ringfence_ready", &[], u8::from(reading.state == State::Ready));
    page.family("ringfence_epoch", "gauge", "Epoch of the journal, raised by repair.");
    page.sample("ringfence_epoch", &[], reading.epoch);
    page.family("ringfence_sequence", "gauge", "Sequence of the last command taken in.");
    page.sample("ringfence_sequence", &[], reading.sequence);
}

fn pipeline(page: &mut Page, reading: &Reading) {
    let name = "ringfence_stage_sequence";
    page.family(name, "gauge", "Last sequence that a stage has handed on.");
    for stage in &reading.stages {
        page.sample(name, &[("stage", &stage.name)], stage.sequence);
    }
    let name = "ringfence_stage_lag_commands";
    page.family(name, "gauge", "Commands that a stage is behind what is taken in.");
    for stage in &reading.stages {
        page.sample(name, &[("stage", &stage.name)], stage.lag);
    }
    let name = "ringfence_ring_slots";
    page.family(name, "gauge", "Slots of a ring.");
    for ring in &reading.rings {
        page.sample(name, &[("ring", &ring.name)], ring.slots);
    }
    let name = "ringfence_ring_free_slots";
    page.family(name, "gauge", "Slots of a ring that are free.");
    for ring in &reading.rings {
        page.sample(name, &[("ring", &ring.name)], ring.free);
    }
    if let Some(log) = &reading.outcome_log {
        let name = "ringfence_outcome_log_first_sequence";
        page.family(name, "gauge", "Oldest outcome that is kept in the outcome log.");
        page.sample(name, &[], log.first_sequence);
        let name = "ringfence_outcome_log_last_sequence";
        page.family(name, "gauge", "Newest outcome in the outcome log.");
        page.sample(name, &[], log.last_sequence);
    }
}

fn outcomes(page: &mut Page, reading: &Reading) {
    let name = "ringfence_outcomes_total";
    page.family(name, "counter", "Outcomes published since the start.");
    for outcome in &reading.outcomes {
        let labels = [("op", outcome.op.as_str()), ("status", &outcome.status)];
        page.sample(name, &labels, outcome.count);
    }
    let name = "ringfence_latency_seconds";
    page.family(name, "histogram", "Time from taken in to published.");
    let latency = &reading.latency;
    let mut below = 0;
    for (bound, count) in latency.bounds_ns.iter().zip(&latency.counts) {
        below += count;
        page.sample(&format!("{name}_bucket"), &[("le", &seconds(*bound))], below);
    }
    page.sample(&format!("{name}_bucket"), &[("le", "+Inf")], latency.count());
    page.sample(&format!("{name}_sum"), &[], seconds(latency.sum_ns));
    page.sample(&format!("{name}_count"), &[], latency.count());
}

fn tables(page: &mut Page, reading: &Reading) {
    let name = "ringfence_table_used";
    page.family(name, "gauge", "Places of a table that are taken.");
    for table in &reading.tables {
        page.sample(name, &[("table", &table.name)], table.used);
    }
    let name = "ringfence_table_capacity";
    page.family(name, "gauge", "Places that a table has.");
    for table in &reading.tables {
        page.sample(name, &[("table", &table.name)], table.capacity);
    }
}

fn server(page: &mut Page, reading: &Reading) {
    let Some(server) = &reading.server else { return };
    page.family("ringfence_connections", "gauge", "Connections now.");
    page.sample("ringfence_connections", &[], server.connections);
    page.family("ringfence_connections_max", "gauge", "Most connections at a time.");
    page.sample("ringfence_connections_max", &[], server.connections_max);
    page.family("ringfence_subscriptions", "gauge", "Subscriptions now.");
    page.sample("ringfence_subscriptions", &[], server.subscriptions);
    page.family("ringfence_accepted_total", "counter", "Connections accepted since the start.");
    page.sample("ringfence_accepted_total", &[], server.accepted);
    let name = "ringfence_connection_errors_total";
    page.family(name, "counter", "Connections refused or ended with an error, by its code.");
    for (code, count) in &server.refused {
        page.sample(name, &[("code", code)], count);
    }
}

fn process(page: &mut Page, reading: &Reading) {
    let name = "process_resident_memory_bytes";
    page.family(name, "gauge", "Memory of the process that is in RAM.");
    page.sample(name, &[], reading.resident_bytes);
    let name = "process_cpu_seconds_total";
    page.family(name, "counter", "Time on a processor.");
    page.sample(name, &[], seconds(reading.cpu_ns));
    let name = "process_start_time_seconds";
    page.family(name, "gauge", "When the process began, since the Unix epoch.");
    page.sample(name, &[], seconds(reading.started_ns));
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

/// A page that grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let written = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        written.expect("a string takes all");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, of)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for letter in of.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").expect("a string takes all");
    }
}
