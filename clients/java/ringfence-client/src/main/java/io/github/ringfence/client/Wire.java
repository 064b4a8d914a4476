package io.github.ringfence.client;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** Bytes to an engine and back. One thread may read while another writes, and a third closes. */
interface Wire extends Closeable {
    /** Milliseconds until a connection must be there, TLS included. */
    int CONNECT_MS = 5_000;

    /** Reads at least one byte; -1 at the end. */
    int read(ByteBuffer to) throws IOException;

    void write(ByteBuffer from) throws IOException;

    static Wire open(Endpoint endpoint) throws IOException {
        if (endpoint.address() instanceof Address.Unix unix) {
            return unix(unix);
        }
        Address.Tcp tcp = (Address.Tcp) endpoint.address();
        if (endpoint.tls().isPresent()) {
            String name = endpoint.serverName().orElse(tcp.host());
            return Tls.open(tcp, endpoint.tls().get(), name);
        }
        SocketChannel channel = SocketChannel.open();
        try {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.socket().connect(new InetSocketAddress(tcp.host(), tcp.port()), CONNECT_MS);
            return new Clear(channel);
        } catch (IOException | RuntimeException error) {
            channel.close();
            throw error;
        }
    }

    private static Wire unix(Address.Unix unix) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(unix.path()));
            return new Clear(channel);
        } catch (IOException | RuntimeException error) {
            channel.close();
            throw error;
        }
    }

    /** A Unix socket or TCP without TLS. */
    record Clear(SocketChannel channel) implements Wire {
        @Override
        public int read(ByteBuffer to) throws IOException {
            return channel.read(to);
        }

        @Override
        public void write(ByteBuffer from) throws IOException {
            while (from.hasRemaining()) {
                channel.write(from);
            }
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    /** TCP with TLS. Closing closes the socket beneath: that waits for no reader or writer. */
    record Tls(Socket raw, InputStream in, OutputStream out) implements Wire {
        static Wire open(Address.Tcp address, SSLContext context, String name)
                throws IOException {
            Socket raw = new Socket();
            try {
                raw.setTcpNoDelay(true);
                raw.connect(new InetSocketAddress(address.host(), address.port()), CONNECT_MS);
                raw.setSoTimeout(CONNECT_MS);
                SSLSocket socket = (SSLSocket) context.getSocketFactory()
                        .createSocket(raw, name, address.port(), true);
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                socket.setSSLParameters(parameters);
                socket.startHandshake();
                raw.setSoTimeout(0);
                return new Tls(raw, socket.getInputStream(), socket.getOutputStream());
            } catch (IOException | RuntimeException error) {
                raw.close();
                throw error;
            }
        }

        @Override
        public int read(ByteBuffer to) throws IOException {
            int at = to.arrayOffset() + to.position();
            int count = in.read(to.array(), at, to.remaining());
            if (count > 0) {
                to.position(to.position() + count);
            }
            return count;
        }

        @Override
        public void write(ByteBuffer from) throws IOException {
            out.write(from.array(), from.arrayOffset() + from.position(), from.remaining());
            out.flush();
        }

        @Override
        public void close() throws IOException {
            raw.close();
        }
    }
}
