import java.util.Map;
import org.apache.activemq.artemis.core.config.Configuration;
import org.apache.activemq.artemis.core.config.impl.ConfigurationImpl;
import org.apache.activemq.artemis.core.config.impl.SecurityConfiguration;
import org.apache.activemq.artemis.core.security.Role;
import org.apache.activemq.artemis.core.server.JournalType;
import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;
import org.apache.activemq.artemis.core.settings.impl.AddressSettings;
import org.apache.activemq.artemis.spi.core.security.ActiveMQJAASSecurityManager;
import org.apache.activemq.artemis.spi.core.security.jaas.InVMLoginModule;

/** Runs an Artemis with one acceptor for STOMP: {@code Artemis FOLDER PORT}. */
public final class Artemis {
    private Artemis() {}

    public static void main(String[] arguments) throws Exception {
        String folder = arguments[0];
        String acceptor = "tcp://127.0.0.1:" + arguments[1] + "?protocols=STOMP";
        Configuration configuration = new ConfigurationImpl()
                .setPersistenceEnabled(true)
                // It needs no native library.
                .setJournalType(JournalType.NIO)
                .setJournalDirectory(folder + "/journal")
                .setBindingsDirectory(folder + "/bindings")
                .setLargeMessagesDirectory(folder + "/large")
                .setPagingDirectory(folder + "/paging")
                .setJournalFileSize(1 << 20)
                .setJournalMinFiles(2)
                .setMaxDiskUsage(-1)
                .setJMXManagementEnabled(false)
                .addAcceptorConfiguration("stomp", acceptor)
                // What is delivered again and again while processes are killed stays in its queue.
                .addAddressSetting("#", new AddressSettings().setMaxDeliveryAttempts(-1));
        configuration.putSecurityRoles("#", java.util.Set.of(new Role(
                "all", true, true, true, true, true, true, true, true, true, true, false, false)));
        SecurityConfiguration users =
                new SecurityConfiguration(Map.of("guest", "guest"), Map.of("guest", java.util.List.of("all")));
        EmbeddedActiveMQ broker = new EmbeddedActiveMQ();
        broker.setConfiguration(configuration);
        broker.setSecurityManager(
                new ActiveMQJAASSecurityManager(InVMLoginModule.class.getName(), users));
        broker.start();
    }
}
