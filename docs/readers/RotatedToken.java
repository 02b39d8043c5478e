import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The token of a secret that rotates, for java.net.http, read with the AWS command line:
 * {@code new RotatedToken("genesys/prod").send(HttpRequest.newBuilder(uri), BodyHandlers.ofString())}
 */
public final class RotatedToken {
  // Before expires_at, from which the secret is read again; without a read for the same reason after one that brought
  // no other token.
  private static final Duration MARGIN = Duration.ofMinutes(1), PAUSE = Duration.ofSeconds(5);
  private final HttpClient http = HttpClient.newHttpClient();
  private final String secretId;
  private String token;
  private Instant expiresAt = Instant.MAX;
  private final Instant[] nextRead = {Instant.MIN, Instant.MIN}; // before the expiry, after a rejection

  public RotatedToken(String secretId) { this.secretId = secretId; }

  public <T> HttpResponse<T> send(HttpRequest.Builder request, HttpResponse.BodyHandler<T> body)
      throws IOException, InterruptedException {
    String first = current(null);
    HttpResponse<T> answer = http.send(request.setHeader("Authorization", "Bearer " + first).build(), body);
    String other = answer.statusCode() == 401 ? current(first) : first;
    if (other.equals(first)) return answer;
    return http.send(request.setHeader("Authorization", "Bearer " + other).build(), body);
  }

  private synchronized String current(String rejected) throws IOException {
    int reason = token == null || token.equals(rejected) ? 1 : 0;
    boolean isDue = reason == 1 || expiresAt.minus(MARGIN).isBefore(Instant.now());
    if (!isDue || Instant.now().isBefore(nextRead[reason])) return token;
    String before = token;
    try {
      read();
    } catch (IOException error) {
      if (before == null) throw error;
      System.err.println(error.getMessage() + ": its last token is used");
    }
    nextRead[reason] = token.equals(before) ? Instant.now().plus(PAUSE) : Instant.MIN;
    return token;
  }

  private void read() throws IOException {
    Process aws = new ProcessBuilder("aws", "secretsmanager", "get-secret-value", "--secret-id", secretId,
        "--query", "SecretString", "--output", "text", "--cli-connect-timeout", "3", "--cli-read-timeout", "3")
        .redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String document = new String(aws.getInputStream().readAllBytes());
    token = field(document, "access_token").orElseThrow(() -> new IOException(secretId + " cannot be read"));
    expiresAt = field(document, "expires_at").map(Instant::parse).orElse(Instant.MAX);
  }

  private static Optional<String> field(String document, String name) {
    Pattern pattern = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"");
    return pattern.matcher(document).results().map(found -> found.group(1)).findFirst();
  }
}
