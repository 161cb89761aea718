import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import javax.net.ssl.*;

/**
 * JSSE as client and as origin of the bench. Client: one line of key=value on stdin for each connection, one line
 * on stdout for what became of it. Origin: `serve`, one line for each connection that has ended.
 */
public class Stack {
  static final char[] PASSWORD = "opaque".toCharArray();
  static KeyStore trusted;

  static KeyStore trust(String file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null);
    int i = 0;
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      for (var each : CertificateFactory.getInstance("X.509").generateCertificates(in))
        store.setCertificateEntry("ca" + i++, each);
    }
    return store;
  }

  static KeyManager[] keys(String file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      store.load(in, PASSWORD);
    }
    KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
    factory.init(store, PASSWORD);
    return factory.getKeyManagers();
  }

  static SSLContext context(String ca, String p12, boolean pin) throws Exception {
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(trust(ca));
    X509TrustManager base = (X509TrustManager) factory.getTrustManagers()[0];
    X509TrustManager pinning = new X509TrustManager() {
      public void checkClientTrusted(X509Certificate[] c, String a) throws CertificateException {
        base.checkClientTrusted(c, a);
      }
      public void checkServerTrusted(X509Certificate[] c, String a) throws CertificateException {
        throw new CertificateException("pin mismatch");
      }
      public X509Certificate[] getAcceptedIssuers() { return base.getAcceptedIssuers(); }
    };
    SSLContext made = SSLContext.getInstance("TLS");
    made.init(p12 == null ? null : keys(p12), new TrustManager[] {pin ? pinning : base}, null);
    return made;
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("serve")) serve(args[1], args[2]);
    else clients();
  }

  // ---- client

  static final Map<String, SSLContext> contexts = new HashMap<>();

  static void clients() throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      Map<String, String> play = new HashMap<>();
      for (String part : line.split(" ")) {
        int at = part.indexOf('=');
        if (at > 0) play.put(part.substring(0, at), part.substring(at + 1));
      }
      System.out.println(connect(play));
      System.out.flush();
    }
  }

  static String connect(Map<String, String> play) throws Exception {
    long sent = 0, got = 0;
    boolean done = false;
    String error = "";
    String contextName = play.get("ca") + play.get("p12") + play.get("pin") + play.get("name");
    SSLContext context = contexts.get(contextName);
    if (context == null) {
      String p12 = play.getOrDefault("p12", "");
      context = context(play.get("ca"), p12.isEmpty() ? null : p12, "1".equals(play.get("pin")));
      contexts.put(contextName, context);
    }
    Socket raw = new Socket("127.0.0.1", Integer.parseInt(play.get("port")));
    raw.setTcpNoDelay(true);
    raw.setSoTimeout(2000);
    try {
      SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(raw, play.get("name"), 443, true);
      tls.setEnabledProtocols(new String[] {"TLSv" + play.get("v")});
      SSLParameters parameters = tls.getSSLParameters();
      parameters.setServerNames(List.of(new SNIHostName(play.get("name"))));
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      if (!play.getOrDefault("alpn", "").isEmpty())
        parameters.setApplicationProtocols(play.get("alpn").split(","));
      tls.setSSLParameters(parameters);
      tls.startHandshake();
      done = true;
      InputStream in = tls.getInputStream();
      byte[] buffer = new byte[16384];
      for (String step : play.getOrDefault("steps", "").split(",")) {
        int n = step.length() > 1 ? Integer.parseInt(step.substring(1)) : 0;
        if (step.startsWith("s")) { byte[] line = new byte[n]; line[n - 1] = 10; tls.getOutputStream().write(line); sent += n; }
        if (step.startsWith("w")) Thread.sleep(n);
        if (step.startsWith("r") || step.equals("e")) {
          long want = step.equals("e") ? Long.MAX_VALUE : Math.max(n, got + 1);
          for (int k; got < want && (k = in.read(buffer)) > 0; ) got += k;
        }
      }
      if ("rst".equals(play.get("close"))) { raw.setSoLinger(true, 0); raw.close(); }
      else if ("fin".equals(play.get("close"))) raw.close();
      else tls.close();
    } catch (Exception failure) {
      error = failure.getClass().getSimpleName();
    }
    raw.close();
    return "id=" + play.get("id") + " handshake=" + (done ? 1 : 0) + " sent=" + sent + " got=" + got + " error=" + error;
  }

  // ---- origin

  static void serve(String ca, String p12) throws Exception {
    SSLContext context = context(ca, p12, false);
    StringBuilder ports = new StringBuilder();
    for (String kind : new String[] {"plain", "mtls"}) {
      SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
      if (kind.equals("mtls")) server.setNeedClientAuth(true);
      ports.append(kind).append('=').append(server.getLocalPort()).append(' ');
      Thread accepting = new Thread(() -> {
        for (;;) {
          try {
            SSLSocket socket = (SSLSocket) server.accept();
            new Thread(() -> origin(socket)).start();
          } catch (IOException ended) { return; }
        }
      });
      accepting.start();
    }
    System.out.println(ports);
    System.out.flush();
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  static void origin(SSLSocket socket) {
    long got = 0, wrote = 0, after = 0;
    boolean done = false, rejected = false;
    int port = socket.getPort();
    try {
      socket.setSoTimeout(8000);
      socket.setTcpNoDelay(true);
      socket.startHandshake();
      done = true;
      String name = "";
      if (socket.getSession() instanceof ExtendedSSLSession session)
        for (SNIServerName each : session.getRequestedServerNames())
          if (each instanceof SNIHostName host) name = host.getAsciiName();
      String label = name.split("-")[0];
      String does = label.replaceAll("\\d", "");
      String digits = label.replaceAll("\\D", "");
      int size = digits.isEmpty() ? 0 : Integer.parseInt(digits);
      OutputStream out = socket.getOutputStream();
      if (does.startsWith("greet")) { out.write(new byte[64]); wrote += 64; }
      byte[] buffer = new byte[16384];
      if (!does.equals("slam"))
        for (int k; (k = socket.getInputStream().read(buffer)) > 0; ) {
          got += k;
          if (does.equals("drop")) break;
          if (does.equals("answer") || does.equals("greet")) { int n = Math.max(1, size); out.write(new byte[n]); wrote += n; after += n; }
        }
      socket.close();
    } catch (SSLHandshakeException refused) {
      rejected = !String.valueOf(refused.getMessage()).startsWith("Received fatal") && !String.valueOf(refused.getMessage()).startsWith("Remote host");
    } catch (IOException ended) {
      try { socket.close(); } catch (IOException closed) {}
    }
    synchronized (System.out) {
      System.out.println("port=" + port + " handshake=" + (done ? 1 : 0) + " got=" + got + " wrote=" + wrote + " after=" + after + " rejected=" + (rejected ? 1 : 0));
      System.out.flush();
    }
  }
}
