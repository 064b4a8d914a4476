//! Topics that have to be there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use ringfence_bridge_core::Failure;

use crate::{KafkaServer, retry};

/// How long the brokers may take to answer.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// A topic, and what it is made with if it is missing.
#[derive(Debug, Clone)]
pub(crate) struct Topic<'a> {
    pub name: &'a str,
    /// -1: the broker's own number.
    pub partitions: i32,
    pub settings: &'a [(&'a str, &'a str)],
}

impl KafkaServer {
    /// Makes those topics that are missing, where that is allowed.
    pub(crate) async fn make_topics(&self, topics: &[Topic<'_>]) -> Result<(), Failure> {
        if !self.declares {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> =
            self.client(&[]).create().map_err(Failure::last)?;
        let wanted: Vec<NewTopic<'_>> = topics.iter().map(|topic| self.wanted(topic)).collect();
        let options = AdminOptions::new()
            .request_timeout(Some(ANSWER_TIME_MAX))
            .operation_timeout(Some(ANSWER_TIME_MAX));
        let made = admin.create_topics(&wanted, &options).await;
        for result in made.map_err(|error| retry("making topics", error))? {
            match result {
                Ok(topic) => tracing::info!("topic {topic} is made"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, error)) => return Err(retry(&format!("topic {topic}"), error)),
            }
        }
        Ok(())
    }

    fn wanted<'a>(&self, topic: &Topic<'a>) -> NewTopic<'a> {
        let replicas = TopicReplication::Fixed(self.replicas);
        let new = NewTopic::new(topic.name, topic.partitions, replicas);
        topic.settings.iter().fold(new, |new, (name, value)| new.set(name, value))
    }
}
