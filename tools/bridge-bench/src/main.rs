//! `ringfence bench bridge`: payments through a broker and the bridge, and through a broker alone.
//!
//! ```text
//!   client ─▶ queue ─▶ bridge ─▶ engine ─▶ bridge ─▶ queue ─▶ client      in turns with
//!   client ─▶ queue ─▶ echo ───────────────────────▶ queue ─▶ client
//! ```
//!
//! Broker, engine and bridge are programs of their own. So the ratio says what the bridge and the
//! engine cost on a machine that they share with the broker.

mod broker;
mod kafka;
mod load;
mod options;
mod programs;
mod rabbitmq;
mod report;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use ringfence::bench::{Load, Mix, round_trip_ns};
use ringfence::client::{Address, Client as EngineClient};
use ringfence::types::{BATCH_COMMANDS_MAX, Status};
use tokio::signal::unix::{SignalKind, signal};

use broker::{Answerer, Broker, Client, Failure};
use kafka::KafkaBroker;
use load::{Payment, run};
use options::{BrokerName, Options};
use programs::Programs;
use rabbitmq::Rabbit;
use report::{BridgeReport, Found};

/// Payments before the first turn of each kind, as a part of those of a turn.
const WARM_UP_PART: u64 = 4;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match bench_until_stopped(&options).await.and_then(|report| print(&report, options.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringfence bench bridge: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, unless a signal says to stop: then everything that was started ends with it.
async fn bench_until_stopped(options: &Options) -> Result<BridgeReport, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = bench_broker(options) => measured,
        _ = interrupt.recv() => Err("ended by SIGINT".into()),
        _ = terminate.recv() => Err("ended by SIGTERM".into()),
    }
}

async fn bench_broker(options: &Options) -> Result<BridgeReport, Failure> {
    match options.broker {
        BrokerName::Rabbitmq => bench(options, &Rabbit::start(options).await?).await,
        BrokerName::Kafka => bench(options, &KafkaBroker::start(options).await?).await,
    }
}

fn print(report: &BridgeReport, json: bool) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match json {
        true => writeln!(output, "{}", serde_json::to_string(report)?)?,
        false => writeln!(output, "{report}")?,
    }
    Ok(())
}

/// Measures, and removes what was declared at the broker.
async fn bench(options: &Options, broker: &impl Broker) -> Result<BridgeReport, Failure> {
    let measured = measure(options, broker).await;
    broker.remove().await?;
    measured
}

async fn measure(options: &Options, broker: &impl Broker) -> Result<BridgeReport, Failure> {
    let probe_before = round_trip_ns();
    let (transfers, singles) = (options.transfers(), options.singles());
    let warm_up = transfers.div_ceil(WARM_UP_PART);
    let payments = warm_up + options.turns * (transfers + singles);
    let load = Load::generate(options.accounts, payments, 1, Mix::Single, options.seed);
    // An engine that runs has perhaps seen a load before.
    let load = if options.connect.is_some() { load.with_ids_of_its_own() } else { load };
    let window = options.window();
    let room = [options.accounts, payments];
    let tables = broker.tables(window.max(1000));
    let prepare = |engine: &Address| create_accounts(engine, &load);
    let _programs = Programs::start(options.connect.clone(), room, &tables, prepare)?;
    let payments: Vec<Payment> = load.transfers.iter().map(Payment::from).collect();
    let echo = tokio::spawn(broker.echo(u16::try_from(window).unwrap_or(u16::MAX).max(1000)));
    let mut through = broker.client(Answerer::Bridge, window).await?;
    let mut alone = broker.client(Answerer::Echo, window).await?;
    let found = tokio::select! {
        found = turns(options, &payments, &mut through, &mut alone) => found?,
        ended = echo => return Err(match ended? {
            Ok(()) => "the echo has ended".into(),
            Err(failure) => failure,
        }),
    };
    let probe = [probe_before, round_trip_ns()];
    Ok(BridgeReport::new(options, broker, &found, probe))
}

fn create_accounts(engine: &Address, load: &Load) -> Result<(), Failure> {
    let mut client = EngineClient::connect(engine)?;
    for accounts in load.accounts.chunks(BATCH_COMMANDS_MAX) {
        for answer in client.execute(accounts)? {
            let status = answer.outcome.status();
            if !matches!(status, Status::Created | Status::Exists) {
                return Err(format!("creating the accounts: {}", status.name()).into());
            }
        }
    }
    Ok(())
}

/// Turns of the broker alone and of the bridge, many payments under way and one at a time.
async fn turns(
    options: &Options,
    payments: &[Payment],
    through: &mut impl Client,
    alone: &mut impl Client,
) -> Result<Found, Failure> {
    let window = options.window();
    let (transfers, singles) = (options.transfers() as usize, options.singles() as usize);
    let (warm_up, rest) =
        payments.split_at(payments.len() - options.turns as usize * (transfers + singles));
    run(alone, warm_up, window).await?;
    run(through, warm_up, window).await?;
    let mut found = Found::default();
    for turn in rest.chunks(transfers + singles) {
        let (many, single) = turn.split_at(transfers);
        found.alone.add(run(alone, many, window).await?);
        found.through.add(run(through, many, window).await?);
        found.single_alone.add(run(alone, single, 1).await?);
        found.single.add(run(through, single, 1).await?);
    }
    Ok(found)
}
