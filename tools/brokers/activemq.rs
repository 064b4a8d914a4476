//! ActiveMQ Classic, with a connector for STOMP.

use std::path::Path;

use tempfile::TempDir;

use crate::java::java;
use crate::process::Group;
use crate::{Missing, free_port, in_several_attempts};

/// Where Debian's package puts it.
const HOME: &str = "/usr/share/activemq";

/// An ActiveMQ Classic. Its user is `guest` with the password `guest`.
#[derive(Debug)]
pub struct ActiveMq {
    /// Port of STOMP.
    pub stomp: u16,
    group: Option<Group>,
    home: TempDir,
}

impl ActiveMq {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start() -> Result<ActiveMq, Missing> {
        in_several_attempts(ActiveMq::start_once)
    }

    fn start_once() -> Result<ActiveMq, Missing> {
        if !program().exists() {
            let install = "apt-get install activemq";
            return Err(Missing::NotInstalled { broker: "ActiveMQ Classic", install });
        }
        let failed = |error: std::io::Error| Missing::NotStarted(error.to_string());
        let home = tempfile::Builder::new().prefix("ringfence-activemq-").tempdir();
        let home = home.map_err(failed)?;
        let mut broker = ActiveMq { stomp: free_port(), group: None, home };
        broker.configure().map_err(failed)?;
        broker.start_again()?;
        Ok(broker)
    }

    /// Ends it at once, as a loss of power would; its files stay.
    pub fn kill(&mut self) {
        self.group = None;
    }

    /// Starts it again with its files.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start_again(&mut self) -> Result<(), Missing> {
        self.kill();
        let home = self.home.path();
        let log = home.join("output");
        let mut command = java();
        command
            .arg(format!("-Dactivemq.home={HOME}"))
            .arg(format!("-Dactivemq.base={}", home.display()))
            .arg(format!("-Djava.io.tmpdir={}", home.display()))
            .arg("-jar")
            .arg(program())
            .arg("start")
            .arg(format!("xbean:file:{}/broker.xml", home.display()));
        let stomp = self.stomp;
        let group = Group::start_ready("ActiveMQ Classic", &mut command, &log, |group| {
            group.listens(stomp)
        })?;
        self.group = Some(group);
        Ok(())
    }

    fn configure(&self) -> std::io::Result<()> {
        let home = self.home.path().display();
        let configuration = format!(
            r#"<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans
    http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
    http://activemq.apache.org/schema/core
    http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="ringfence" useJmx="false"
      dataDirectory="{home}/data">
    <persistenceAdapter>
      <kahaDB directory="{home}/data/kahadb" journalMaxFileLength="8mb"/>
    </persistenceAdapter>
    <plugins>
      <simpleAuthenticationPlugin>
        <users>
          <authenticationUser username="guest" password="guest" groups="all"/>
        </users>
      </simpleAuthenticationPlugin>
    </plugins>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp+nio://127.0.0.1:{}"/>
    </transportConnectors>
  </broker>
</beans>
"#,
            self.stomp
        );
        std::fs::write(self.home.path().join("broker.xml"), configuration)
    }
}

impl Drop for ActiveMq {
    fn drop(&mut self) {
        // Before its folder is removed.
        self.group = None;
    }
}

fn program() -> std::path::PathBuf {
    Path::new(HOME).join("bin/activemq.jar")
}
