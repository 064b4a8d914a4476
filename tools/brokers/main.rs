//! Runs a real broker until it is interrupted: `cargo run -p brokers -- rabbitmq`.

use std::process::ExitCode;

use brokers::{ActiveMq, Artemis, KAFKA_USER, Kafka, Missing, Mosquitto, RabbitMq};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const USAGE: &str = "usage: brokers activemq|artemis|kafka|kafka-3|mosquitto|rabbitmq\n\
                     Runs the broker in a temporary folder until SIGINT or SIGTERM.";

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let [name] = names.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        eprintln!("brokers: the system takes no signals");
        return ExitCode::FAILURE;
    };
    let ran = match name.as_str() {
        "rabbitmq" => RabbitMq::start().map(|broker| {
            println!("AMQP    {}", broker.url());
            println!("MQTT    127.0.0.1:{}", broker.mqtt);
            println!("STOMP   127.0.0.1:{}", broker.stomp);
            println!("streams 127.0.0.1:{}", broker.stream);
            println!("ready");
            signals.forever().next();
        }),
        "activemq" => ActiveMq::start().map(|broker| {
            println!("STOMP   127.0.0.1:{}", broker.stomp);
            println!("ready");
            signals.forever().next();
        }),
        "artemis" => Artemis::start().map(|broker| {
            println!("STOMP   127.0.0.1:{}", broker.stomp);
            println!("ready");
            signals.forever().next();
        }),
        "kafka" => Kafka::start(1).map(|broker| serve_kafka(&broker, &mut signals)),
        "kafka-3" => Kafka::start(3).map(|broker| serve_kafka(&broker, &mut signals)),
        "mosquitto" => Mosquitto::start().map(|broker| {
            println!("MQTT    127.0.0.1:{}", broker.port);
            println!("ready");
            signals.forever().next();
        }),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing @ (Missing::NotInstalled { .. } | Missing::NotStarted(_))) => {
            eprintln!("brokers: {missing}");
            ExitCode::FAILURE
        }
    }
}

fn serve_kafka(broker: &Kafka, signals: &mut Signals) {
    let (user, password) = KAFKA_USER;
    println!("Kafka                          {}", broker.servers());
    println!("Kafka, as {user}:{password} {}", broker.sasl_servers());
    println!("ready");
    signals.forever().next();
}
