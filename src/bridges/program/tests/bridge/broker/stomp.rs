//! ActiveMQ Classic, Artemis and RabbitMQ by STOMP, as their clients see them.

use std::time::Duration;

use crate::broker::amqp::{account, transfer};
use crate::broker::stomp_client::{Client, Frame, Kind};
use crate::house::{House, eventually};

/// A configuration with a source and a sink at this broker.
pub fn configuration(kind: &Kind) -> String {
    let (port, payments, seen) = (kind.broker.port(), kind.queue("payments"), kind.queue("seen"));
    format!(
        r#"
[engine]
connect = "ENGINE"

[[source]]
name = "payments"
protocol = "stomp"
url = "stomp://guest:guest@127.0.0.1:{port}"
destination = "{payments}"
credit = 200
message-bytes-max = 100000

[[sink]]
name = "outcomes"
protocol = "stomp"
url = "stomp://guest:guest@127.0.0.1:{port}"
destination = "{seen}"
"#
    )
}

/// A consumer and a producer of one broker, and the bridge between it and the engine.
struct Scene {
    kind: Kind,
    house: House,
    producer: Client,
    seen: Client,
}

impl Scene {
    fn new(kind: Kind) -> Scene {
        let (producer, seen) = (kind.client(), kind.client());
        let mut scene = Scene { kind, house: House::new(), producer, seen };
        scene.seen.subscribe(&scene.kind.queue("seen"));
        scene
    }

    fn send(&mut self, key: &str, headers: &[(&str, &str)], body: &str) {
        let headers = [&[("idempotency-key", key)], headers].concat();
        self.producer.send(&self.kind.queue("payments"), &headers, body).unwrap();
    }

    fn next(&self, client: &mut Client) -> Frame {
        let next = client.message(Duration::from_secs(60));
        next.unwrap_or_else(|| panic!("nothing comes\n{}", self.house.said("bridge.log")))
    }

    fn outcome(&mut self) -> Frame {
        loop {
            let next = self.seen.message(Duration::from_secs(60));
            let next =
                next.unwrap_or_else(|| panic!("nothing comes\n{}", self.house.said("bridge.log")));
            // Those of this test.
            if next.json()["op"] != "lookup_account" {
                return next;
            }
        }
    }

    /// What is no command, or too long, is a dead letter, unchanged.
    fn check_dead_letters(&mut self) {
        let mut dead = self.kind.client();
        dead.subscribe(&self.kind.queue("payments.dead"));
        let wrong = r#"{"op":"create_transfer","id":true}"#;
        self.send("bad:one", &[("mine", "kept")], wrong);
        let letter = self.next(&mut dead);
        assert_eq!(letter.body, wrong);
        assert_eq!(letter.header("ringfence-error-field").as_deref(), Some("id"));
        assert_eq!(letter.header("ringfence-error-column").as_deref(), Some("30"));
        assert_eq!(letter.header("ringfence-queue"), Some(self.kind.queue("payments")));
        assert_eq!(letter.header("mine").as_deref(), Some("kept"));
        assert_eq!(letter.header("idempotency-key").as_deref(), Some("bad:one"));
        let long = "x".repeat(100_001);
        self.send("bad:two", &[], &long);
        let letter = self.next(&mut dead);
        assert!(letter.body == long);
        assert!(letter.header("ringfence-error").unwrap().contains("100001 bytes"), "{letter:?}");
        self.send("bad:three", &[("content-type", "text/xml")], "<a/>");
        let letter = self.next(&mut dead);
        assert!(letter.header("ringfence-error").unwrap().contains("text/xml"), "{letter:?}");
    }

    /// A reply that the broker refuses, or that nobody takes, holds nothing up.
    fn check_lost_reply(&mut self, replies: &mut Client, reply_to: &str) {
        let nowhere = self.kind.nowhere;
        self.send("lost", &[("reply-to", nowhere)], &transfer(12));
        self.send("after", &[], &transfer(13));
        for id in ["12", "13"] {
            assert_eq!(self.outcome().json()["id"], id);
        }
        // A reply says that the connection stands again, and what came before is acknowledged.
        self.send("asks again", &[("reply-to", reply_to)], &transfer(15));
        assert_eq!(self.next(replies).json()["id"], "15");
        assert_eq!(self.outcome().json()["id"], "15");
    }
}

fn payments_come_in_and_outcomes_go_out(kind: Kind) {
    let mut scene = Scene::new(kind);
    let _engine = scene.house.engine();
    let mut bridge = scene.house.bridge(&configuration(&scene.kind));

    // A batch whose sender asks for a reply.
    let mut replies = scene.kind.client();
    let reply_to = scene.kind.queue("replies");
    replies.subscribe(&reply_to);
    let accounts = format!("[{},{}]", account(1), account(2));
    let asks = [("reply-to", reply_to.as_str()), ("correlation-id", "question")];
    scene.send("accounts", &asks, &accounts);
    let reply = scene.next(&mut replies);
    assert_eq!(reply.header("correlation-id").as_deref(), Some("question"));
    assert_eq!(reply.json().as_array().unwrap().len(), 2, "{reply:?}");
    assert_eq!(reply.header("ringfence-status").as_deref(), Some("created"));
    for id in ["1", "2"] {
        assert_eq!(scene.outcome().json()["id"], id);
    }

    // The same message three times: one payment, one outcome. Session and request name one too.
    for _ in 0..3 {
        scene.send("ten", &[], &transfer(10));
    }
    for _ in 0..2 {
        let named = [("ringfence-session", "till-7"), ("ringfence-request", "1")];
        let payments = scene.kind.queue("payments");
        scene.producer.send(&payments, &named, &transfer(11)).unwrap();
    }
    let ten = scene.outcome();
    assert_eq!((&ten.json()["id"], &ten.json()["status"]), (&"10".into(), &"created".into()));
    assert_eq!(ten.header("ce_type").as_deref(), Some("ringfence.transfer.created"));
    assert!(ten.header("ce_id").unwrap().ends_with(&ten.header("ringfence-sequence").unwrap()));
    assert_eq!(scene.outcome().json()["id"], "11");

    scene.check_dead_letters();

    scene.check_lost_reply(&mut replies, &reply_to);

    // Everything is acknowledged when it ends, and known when it begins again. The last outcome is
    // here before its message is acknowledged.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(bridge.stop(), Some(0), "{}", scene.house.said("bridge.log"));
    let mut left = scene.kind.client();
    left.subscribe(&scene.kind.queue("payments"));
    let left_over = left.message(Duration::from_secs(2));
    assert!(left_over.is_none(), "{left_over:?}");
    drop(left);
    let _bridge = scene.house.bridge(&configuration(&scene.kind));
    scene.send("ten", &[], &transfer(10));
    scene.send("fourteen", &[], &transfer(14));
    let fourteen = scene.outcome();
    assert_eq!(fourteen.json()["id"], "14", "10 was executed before: {fourteen:?}");
    assert_eq!(scene.house.account(1).debits_posted, 30);
}

#[test]
fn activemq_takes_payments_in_and_outcomes_out() {
    let Some(kind) = Kind::activemq() else { return };
    payments_come_in_and_outcomes_go_out(kind);
}

#[test]
fn artemis_takes_payments_in_and_outcomes_out() {
    let Some(kind) = Kind::artemis() else { return };
    payments_come_in_and_outcomes_go_out(kind);
}

#[test]
fn rabbitmq_takes_payments_in_and_outcomes_out_by_stomp() {
    let Some(kind) = Kind::rabbitmq() else { return };
    payments_come_in_and_outcomes_go_out(kind);
}

#[test]
fn a_refused_login_is_named_and_tried_again() {
    let Some(kind) = Kind::artemis() else { return };
    let house = House::new();
    let _engine = house.engine();
    let wrong = configuration(&kind).replace("guest:guest", "guest:secret");
    let mut bridge = house.bridge(&wrong);
    eventually("the refusal is named twice", || {
        house.said("bridge.log").matches("password is invalid").count() >= 4
    });
    assert!(!house.said("bridge.log").contains("secret"), "{}", house.said("bridge.log"));
    assert_eq!(bridge.stop(), Some(0));
}
