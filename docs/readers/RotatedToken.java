import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The token of a secret that rotates, for java.net.http, read with the AWS command line:
 * {@code new RotatedToken("genesys/prod").send(HttpRequest.newBuilder(uri), BodyHandlers.ofString())}
 */
public final class RotatedToken {
  // Before expires_at, from which the secret is read again.
  private static final Duration MARGIN = Duration.ofMinutes(1);
  // Nanoseconds without a read for the same reason; doubled while no read brings another token.
  private static final long FIRST_PAUSE = 500_000_000L, LONGEST_PAUSE = 5_000_000_000L;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String secretId;
  private String token;
  private Instant expiresAt = Instant.MAX;
  // Before the expiry, after a rejection.
  private final long[] nextRead = {System.nanoTime(), System.nanoTime()}, pause = {FIRST_PAUSE, FIRST_PAUSE};

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
    if (!isDue || System.nanoTime() - nextRead[reason] < 0) return token;
    String before = token;
    try {
      read();
    } catch (IOException error) {
      if (before == null) throw error;
      System.err.println(error.getMessage() + ": its last token is used");
    }
    boolean isOther = !token.equals(before);
    nextRead[reason] = System.nanoTime() + (isOther ? 0 : pause[reason]);
    pause[reason] = isOther ? FIRST_PAUSE : Math.min(2 * pause[reason], LONGEST_PAUSE);
    return token;
  }

  private void read() throws IOException {
    ProcessBuilder command = new ProcessBuilder("aws", "secretsmanager", "get-secret-value", "--secret-id", secretId,
        "--query", "SecretString", "--output", "text", "--cli-connect-timeout", "3", "--cli-read-timeout", "3")
        .redirectError(ProcessBuilder.Redirect.INHERIT);
    command.environment().put("AWS_MAX_ATTEMPTS", "2");
    Process aws = command.start();
    CompletableFuture.delayedExecutor(15, TimeUnit.SECONDS).execute(aws::destroyForcibly);
    String document = new String(aws.getInputStream().readAllBytes());
    token = field(document, "access_token").orElseThrow(() -> new IOException(secretId + " cannot be read"));
    expiresAt = field(document, "expires_at").map(RotatedToken::instant).orElse(Instant.MAX);
  }

  private static Instant instant(String text) {
    try {
      return Instant.parse(text);
    } catch (DateTimeParseException error) {
      return Instant.MAX; // unknown
    }
  }

  private static Optional<String> field(String document, String name) {
    Pattern pattern = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]+)\"");
    return pattern.matcher(document).results().map(found -> found.group(1)).findFirst();
  }
}
