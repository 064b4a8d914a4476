package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** TLS and tokens: who is let in, and whom the client trusts. */
@Timeout(300)
class TlsTest {
    private static final char[] PASSWORD = "changeit".toCharArray();

    private Path folder;
    private TestEngine engine;
    private SSLContext trusting;
    private String token;

    /** Makes a key and a certificate for localhost, and an engine that shows it. */
    @BeforeEach
    void start() throws IOException, GeneralSecurityException, InterruptedException {
        folder = TestEngine.newFolder();
        Path store = folder.resolve("store.p12");
        int status = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair", "-alias", "engine", "-keyalg", "RSA", "-keysize", "2048",
                "-dname", "CN=localhost", "-ext", "san=dns:localhost", "-validity", "30",
                "-storetype", "PKCS12", "-storepass", new String(PASSWORD),
                "-keystore", store.toString())
                .redirectErrorStream(true).start().waitFor();
        assertEquals(0, status);
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD);
        }
        PrivateKey key = (PrivateKey) keys.getKey("engine", PASSWORD);
        pem("cert.pem", "CERTIFICATE", keys.getCertificate("engine").getEncoded());
        pem("key.pem", "PRIVATE KEY", key.getEncoded());
        trusting = trusting(keys.getCertificate("engine"));
        String access = folder.resolve("access.toml").toString();
        String said = TestEngine.run(List.of(
                "access", "token", "shop", "--role", "pay", "--role", "read",
                "--access", access));
        token = said.lines().filter(line -> line.startsWith("rf_")).findFirst().orElseThrow();
        engine = TestEngine.in(folder, "--listen", "127.0.0.1:0",
                "--tls-cert", "FOLDER/cert.pem", "--tls-key", "FOLDER/key.pem",
                "--access", access);
    }

    private void pem(String name, String kind, byte[] bytes) throws IOException {
        Path file = folder.resolve(name);
        String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes);
        Files.writeString(file, "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind
                + "-----\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private static SSLContext trusting(java.security.cert.Certificate certificate)
            throws GeneralSecurityException, IOException {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("engine", certificate);
        TrustManagerFactory managers =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    @AfterEach
    void stop() {
        engine.close();
    }

    private Endpoint at(String host) {
        return Endpoint.of(host + ":" + engine.port());
    }

    /** Fails as soon as a connection does. */
    private static void tryOnce(Endpoint endpoint) {
        Client.builder(endpoint.withRetryFor(Duration.ZERO)).open().close();
    }

    private static Client open(Endpoint endpoint) {
        return Client.builder(endpoint).session("shop").open();
    }

    @Test
    void with_tls_and_a_token_a_client_is_let_in() {
        try (Client client = open(at("localhost").withTls(trusting).withToken(token))) {
            BlockingClient blocking = client.blocking().withTimeout(Duration.ofSeconds(60));
            assertEquals(Optional.empty(), blocking.lookupAccount(UInt128.of(1)));
            // What a principal may not do is refused with its reason.
            RefusedException refused = assertThrows(RefusedException.class, () ->
                    blocking.setPairPolicy(new PairPolicy(UInt128.of(1), UInt128.of(2), true)));
            assertEquals(Optional.of(ErrorCode.NOT_ALLOWED), refused.reason());
        }
    }

    @Test
    void the_name_in_the_certificate_must_be_the_right_one() {
        Endpoint other = at("127.0.0.1").withTls(trusting).withToken(token);
        assertThrows(ConnectionLostException.class, () -> tryOnce(other));
        open(other.withServerName("localhost")).close();
    }

    @Test
    void an_unknown_certificate_a_wrong_token_and_clear_text_do_not_get_in()
            throws GeneralSecurityException {
        Endpoint endpoint = at("localhost");
        assertThrows(ConnectionLostException.class, () ->
                tryOnce(endpoint.withTls(SSLContext.getDefault()).withToken(token)));
        assertThrows(RingfenceException.class, () -> tryOnce(endpoint.withToken(token)));
        for (Endpoint wrong : List.of(endpoint, endpoint.withToken("rf_wrong"))) {
            RefusedException refused = assertThrows(RefusedException.class, () ->
                    open(wrong.withTls(trusting)));
            assertEquals(Optional.of(ErrorCode.UNAUTHENTICATED), refused.reason());
        }
    }

    @Test
    void unix_sockets_never_speak_tls() {
        assertThrows(IllegalArgumentException.class, () -> engine.endpoint().withTls(trusting));
    }
}
