//! The asynchronous client against an engine that is killed, over connections that are cut.

use std::path::Path;
use std::time::Duration;

use super::cutter::Cutter;
use super::engine::{Engine, WITH_LOG};
use super::support::{run, text};
use super::wire::{account, lookup, policy, transfer};
use ringfence_client::{
    Address, AsyncClient, AsyncResumingSubscription, AsyncSession, AsyncSubscription, ClientError,
    Delivered, Followed, SessionOptions, Start, Subscribe, SubscriptionOptions, session_id,
};
use ringfence_types::{Command, Status};
use tempfile::tempdir;

/// Requests of a session.
const REQUESTS: u64 = 400;

fn named(name: &str) -> SessionOptions {
    SessionOptions { session: session_id(name), ..SessionOptions::default() }
}

fn unix(engine: &Engine) -> Address {
    Address::Unix(engine.socket.clone())
}

/// Commands with an id of their own and without.
fn batch(number: u64) -> Vec<Command> {
    let id = 1000 * u128::from(number);
    match number % 3 {
        0 => vec![policy(1); 1 + number as usize % 5],
        1 => (0..1 + u128::from(number % 40)).map(|index| account(id + index)).collect(),
        _ => vec![lookup(2)],
    }
}

/// Whether `work` was not done with its first step; it takes no other.
async fn cancelled_at_once(work: impl Future) -> bool {
    tokio::select! {
        biased;
        _ = work => false,
        () = std::future::ready(()) => true,
    }
}

/// How many commands the journal has.
fn commands_in(dir: &Path) -> usize {
    let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes"]);
    replayed.stdout.lines().filter(|line| line.starts_with("{\"sequence\"")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_awaited_session_takes_effect_once_over_cut_connections_and_dead_engines() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, WITH_LOG);
    let cutter = Cutter::start(folder.path(), &engine.socket, 6_000);
    let session = AsyncSession::open(&cutter.address, named("cut")).await.unwrap();
    let (sender, mut receiver) = session.split();
    let sending = tokio::spawn(async move {
        for number in 1..=REQUESTS {
            assert_eq!(sender.send(&batch(number), 0).await.unwrap(), number);
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        sender
    });
    let (mut last_sequence, mut answered, mut commands) = (0, 0, 0);
    while answered < REQUESTS {
        match receiver.receive().await.unwrap() {
            Delivered::Answer { number, index, is_last, answer } => {
                assert_eq!(number, answered + 1, "requests are answered in order");
                assert!(answer.sequence > last_sequence, "each outcome comes once");
                last_sequence = answer.sequence;
                let sent = &batch(number)[index];
                let outcome = answer.outcome;
                assert_eq!((outcome.op, outcome.id), (sent.header.op, sent.id()));
                commands += 1;
                if is_last {
                    assert_eq!(index + 1, batch(number).len());
                    answered += 1;
                    if answered % 130 == 0 {
                        engine.kill();
                        drop(std::fs::remove_file(&engine.socket));
                        engine = Engine::start(&dir, WITH_LOG);
                    }
                }
            }
            Delivered::Connected(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let sender = sending.await.unwrap();
    assert_eq!(sender.under_way(), 0);
    assert!(cutter.connections() > 5, "{} connections", cutter.connections());
    engine.stop();
    assert_eq!(commands_in(&dir), commands, "the journal has these commands and no other");
}

#[tokio::test]
async fn awaiting_room_sends_nothing_until_there_is_some_and_is_safe_to_cancel() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), WITH_LOG);
    let options = SessionOptions { in_flight_commands_max: 10, ..named("room") };
    let mut session = AsyncSession::open(&unix(&engine), options).await.unwrap();
    let accounts: Vec<Command> = (1..=10).map(account).collect();
    session.send(&accounts, 0).await.unwrap();
    // On this thread nothing is read while nothing is awaited: the room is surely taken.
    let second = [account(11)];
    assert!(cancelled_at_once(session.send(&second, 0)).await, "there was no room");
    assert_eq!(
        session.send(&[account(12)], 0).await.unwrap(),
        2,
        "the cancelled one had no number"
    );
    for _ in 0..11 {
        while !matches!(session.receive().await.unwrap(), Delivered::Answer { .. }) {}
    }
    let answers = session.execute(&[lookup(11), lookup(12)]).await.unwrap();
    let seen: Vec<_> = answers.iter().map(|answer| answer.outcome.status()).collect();
    assert_eq!(seen, [Status::NotFound, Status::Found]);
    engine.stop();
}

#[tokio::test]
async fn a_session_that_is_taken_over_ends_and_says_why() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), WITH_LOG);
    let mut first = AsyncSession::open(&unix(&engine), named("one")).await.unwrap();
    first.execute(&[account(1)]).await.unwrap();
    let second = AsyncSession::open(&unix(&engine), named("one")).await.unwrap();
    let error = loop {
        if let Err(error) = first.receive().await {
            break error;
        }
    };
    assert!(matches!(error, ClientError::Refused { .. }), "{error}");
    let (sender, receiver) = first.split();
    assert!(matches!(sender.send(&[account(2)], 0).await, Err(ClientError::Ended)));
    drop((second, receiver));
    engine.stop();
}

#[tokio::test]
async fn a_session_gives_up_when_there_is_no_engine_for_long() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), WITH_LOG);
    let options = SessionOptions { give_up_after: Duration::from_millis(200), ..named("gone") };
    let mut session = AsyncSession::open(&unix(&engine), options.clone()).await.unwrap();
    engine.kill();
    let error = loop {
        if let Err(error) = session.receive().await {
            break error;
        }
    };
    assert!(matches!(error, ClientError::Io { .. } | ClientError::Closed(_)), "{error}");
    let error = AsyncSession::open(&unix(&engine), options).await.unwrap_err();
    assert!(matches!(error, ClientError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_client_without_a_name_executes_and_ends_with_its_connection() {
    let folder = tempdir().unwrap();
    let options = [WITH_LOG, &["--listen", "127.0.0.1:0"]].concat();
    let mut engine = Engine::start(&folder.path().join("data"), &options);
    let tcp = Address::Tcp(format!("127.0.0.1:{}", super::tls::port_of(&engine)));
    let mut client = AsyncClient::connect(&tcp).await.unwrap();
    assert!(client.hello().in_flight_commands_max > 0);
    let answers = client.execute(&[account(1), account(2)]).await.unwrap();
    assert!(answers.iter().all(|answer| answer.outcome.status() == Status::Created));
    assert!(matches!(client.execute(&[]).await, Err(ClientError::NotABatch)));
    // One that is cancelled leaves the client as it was.
    assert!(cancelled_at_once(client.execute(&[account(3)])).await);
    let found = client.execute(&[lookup(2)]).await.unwrap();
    assert_eq!(found[0].bodies[0].body.account().id, 2);
    engine.kill();
    let error = client.execute(&[lookup(1)]).await.unwrap_err();
    assert!(!matches!(error, ClientError::NotABatch), "{error}");
}

#[tokio::test]
async fn an_awaited_subscription_tells_everything_in_order_and_acknowledges() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), WITH_LOG);
    let mut client = AsyncClient::connect(&unix(&engine)).await.unwrap();
    let accounts: Vec<Command> = (1..=100).map(account).collect();
    client.execute(&accounts).await.unwrap();
    let wish = Subscribe { name: 5, ..Subscribe::outcomes(Start::After(10)) };
    let mut subscription = AsyncSubscription::open(&unix(&engine), &wish).await.unwrap();
    assert_eq!(subscription.subscribed().after_sequence, 10);
    let mut next = 11;
    while next <= 100 {
        if let Followed::Outcomes { first_sequence, outcomes } = subscription.next().await.unwrap()
        {
            assert_eq!(first_sequence, next);
            next += outcomes.len() as u64;
        }
    }
    // Nothing answers it; whoever comes next under the name is told all the same.
    subscription.acknowledge(60).await.unwrap();
    let again = Subscribe { start: Start::Acknowledged, ..wish };
    let subscription = AsyncSubscription::open(&unix(&engine), &again).await.unwrap();
    assert_eq!(subscription.subscribed().after_sequence, 60);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_resumes_tells_everything_once_over_cut_connections_and_dead_engines() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, WITH_LOG);
    let cutter = Cutter::start(folder.path(), &engine.socket, 9_000);
    let wish = Subscribe { events: true, commands: true, ..Subscribe::outcomes(Start::After(0)) };
    let options = SubscriptionOptions::default();
    let opened = AsyncResumingSubscription::open(&cutter.address, options, wish).await;
    let mut subscription = opened.unwrap();
    let socket = unix(&engine);
    let paying = tokio::spawn(async move {
        let mut session = AsyncSession::open(&socket, named("payer")).await.unwrap();
        session.execute(&[account(1), account(2)]).await.unwrap();
        for number in 0..300 {
            let transfers: Vec<Command> =
                (0..20).map(|index| transfer(100 * number + index + 1, 1)).collect();
            session.execute(&transfers).await.unwrap();
        }
    });
    let (mut outcomes_next, mut commands_next, last) = (1, 1, 2 + 300 * 20);
    let mut kills = 0;
    while outcomes_next <= last {
        match subscription.next().await.unwrap() {
            Followed::Outcomes { first_sequence, outcomes } => {
                assert_eq!(first_sequence, outcomes_next, "none twice, none missing");
                outcomes_next += outcomes.len() as u64;
                assert!(commands_next >= outcomes_next, "commands come before their outcomes");
                assert_eq!(subscription.position(), outcomes_next - 1);
            }
            Followed::Commands { first_sequence, bodies, .. } => {
                assert_eq!(first_sequence, commands_next, "none twice, none missing");
                commands_next += bodies.len() as u64;
            }
            _ => {}
        }
        if outcomes_next > 1_500 * (kills + 1) {
            kills += 1;
            engine.kill();
            drop(std::fs::remove_file(&engine.socket));
            engine = Engine::start(&dir, WITH_LOG);
        }
    }
    paying.await.unwrap();
    assert!(cutter.connections() > 5, "{} connections", cutter.connections());
    engine.stop();
}
