import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

/**
 * Ten calls for each line on standard input, by the client of docs/readers. Prints the number of those that failed. The calls
 * of the line {@code together} are made at the same time.
 */
public final class Calls {
  public static void main(String[] arguments) throws Exception {
    var client = new RotatedToken(System.getenv("SECRET"));
    var uri = URI.create("http://" + System.getenv("GATEWAY_HOST") + ":" + System.getenv("GATEWAY_PORT") + "/api/v2/tokens/me");
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      var threads = Executors.newFixedThreadPool(line.equals("together") ? 10 : 1);
      var calls = IntStream.range(0, 10).mapToObj(number -> threads.submit(() -> {
        return client.send(HttpRequest.newBuilder(uri), BodyHandlers.ofString()).statusCode() == 200 ? 0 : 1;
      })).toList();
      int failed = 0;
      for (var call : calls) failed += call.get();
      threads.shutdown();
      System.out.println(failed);
    }
    System.exit(0);
  }
}
