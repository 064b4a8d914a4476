//! Kafka, as its clients see it.

mod client;
mod crash;
mod doors;
mod flow;
mod partitions;
mod sink;

/// A configuration with a source and a sink at these brokers.
pub fn configuration(servers: &str) -> String {
    format!(
        r#"
[engine]
connect = "ENGINE"

[bridge]
drain = "5s"

[[source]]
name = "payments"
protocol = "kafka"
servers = "{servers}"
topics = ["payments"]
partitions = 3

[[sink]]
name = "outcomes"
protocol = "kafka"
servers = "{servers}"
topic = "outcomes.{{ledger}}"
partitions = 2
commit-interval = "20ms"
"#
    )
}

/// A transfer of 5 between accounts of ledger 978.
pub fn transfer(id: u64, debit: u64, credit: u64) -> String {
    format!(
        r#"{{"op":"create_transfer","id":"{id}","debit_account_id":"{debit}",
            "credit_account_id":"{credit}","amount":"5","ledger":978,"code":1}}"#
    )
}
