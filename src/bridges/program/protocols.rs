//! The protocols that were built in: each a source, a sink, or both; and HTTP.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ringfence_bridge_core::{Context, Failure, Keys, SinkOptions, SourceOptions};
#[cfg(any(feature = "amqp", feature = "mqtt", feature = "stomp", feature = "zeromq"))]
use ringfence_bridge_core::{run_sink, run_source};

/// A source or a sink that is configured. Runs until it is asked to stop.
pub type Runnable =
    Box<dyn FnOnce(Context) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> + Send>;

/// The protocols of this build, for mistakes.
const PROTOCOLS: &[&str] = &[
    #[cfg(feature = "amqp")]
    "amqp",
    #[cfg(feature = "kafka")]
    "kafka",
    #[cfg(feature = "mqtt")]
    "mqtt",
    #[cfg(feature = "stomp")]
    "stomp",
    #[cfg(feature = "zeromq")]
    "zeromq",
];

/// The source that a table describes; `None` where its protocol is not known.
pub fn source(protocol: &str, options: SourceOptions, mut keys: Keys) -> Option<Runnable> {
    let runnable: Runnable = match protocol {
        #[cfg(feature = "amqp")]
        "amqp" => {
            let source = ringfence_bridge_amqp::AmqpSource::configure(&mut keys, &options);
            Box::new(move |context| Box::pin(run_source(source, options, context)))
        }
        #[cfg(feature = "kafka")]
        "kafka" => {
            let mut options = options;
            let source = ringfence_bridge_kafka::KafkaSource::configure(&mut keys, &mut options);
            Box::new(move |context| {
                Box::pin(ringfence_bridge_kafka::run_kafka_source(source, options, context))
            })
        }
        #[cfg(feature = "mqtt")]
        "mqtt" => {
            let source = ringfence_bridge_mqtt::MqttSource::configure(&mut keys, &options);
            Box::new(move |context| Box::pin(run_source(source, options, context)))
        }
        #[cfg(feature = "stomp")]
        "stomp" => {
            let source = ringfence_bridge_stomp::StompSource::configure(&mut keys, &options);
            Box::new(move |context| Box::pin(run_source(source, options, context)))
        }
        #[cfg(feature = "zeromq")]
        "zeromq" => {
            let source = ringfence_bridge_zeromq::ZmqSource::configure(&mut keys, &options);
            Box::new(move |context| Box::pin(run_source(source, options, context)))
        }
        _ => return unknown(protocol, &options.name, &keys),
    };
    keys.finish();
    Some(runnable)
}

/// The sink that a table describes; `None` where its protocol is not known.
pub fn sink(protocol: &str, mut options: SinkOptions, mut keys: Keys) -> Option<Runnable> {
    let runnable: Runnable = match protocol {
        #[cfg(feature = "amqp")]
        "amqp" => {
            let sink = ringfence_bridge_amqp::AmqpSink::configure(&mut keys, &mut options);
            Box::new(move |context| Box::pin(run_sink(sink, options, context)))
        }
        #[cfg(feature = "kafka")]
        "kafka" => {
            let sink = ringfence_bridge_kafka::KafkaSink::configure(&mut keys, &mut options);
            Box::new(move |context| {
                Box::pin(ringfence_bridge_core::run_sink(sink, options, context))
            })
        }
        #[cfg(feature = "mqtt")]
        "mqtt" => {
            let sink = ringfence_bridge_mqtt::MqttSink::configure(&mut keys, &mut options);
            Box::new(move |context| Box::pin(run_sink(sink, options, context)))
        }
        #[cfg(feature = "stomp")]
        "stomp" => {
            let sink = ringfence_bridge_stomp::StompSink::configure(&mut keys, &mut options);
            Box::new(move |context| Box::pin(run_sink(sink, options, context)))
        }
        #[cfg(feature = "zeromq")]
        "zeromq" => {
            let sink = ringfence_bridge_zeromq::ZmqSinkOptions::configure(&mut keys, &mut options);
            Box::new(move |context| {
                let sink = sink.sink(&options, &context);
                Box::pin(run_sink(sink, options, context))
            })
        }
        _ => return unknown(protocol, &options.name, &keys),
    };
    keys.finish();
    Some(runnable)
}

/// What serves HTTP; `None` where it is not built in.
pub fn http(keys: Keys, drain: Duration) -> Option<Runnable> {
    #[cfg(feature = "http")]
    {
        let options = ringfence_bridge_http::HttpOptions::configure(keys, drain);
        Some(Box::new(move |context| Box::pin(ringfence_bridge_http::run_http(options, context))))
    }
    #[cfg(not(feature = "http"))]
    {
        let _ = drain;
        keys.mistake("listen", "this build has no HTTP");
        None
    }
}

fn unknown(protocol: &str, name: &str, keys: &Keys) -> Option<Runnable> {
    // One that is missing is a mistake already.
    if !protocol.is_empty() {
        let known = PROTOCOLS.join(", ");
        keys.mistake("protocol", format!("{name}: no `{protocol}` in this build, but {known}"));
    }
    None
}
