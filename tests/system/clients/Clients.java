import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** What Java's HttpClient does with each kind of request. Each line of the output is a kind and its statuses. */
class Clients {
    static final String URL = System.getenv("PLAZA_URL");
    static final String TOKEN = "Bearer " + System.getenv("PLAZA_ACCESS");
    static final String REFRESH = System.getenv("PLAZA_REFRESH");
    static final String PRODUCT = System.getenv("PLAZA_PRODUCT");
    static final HttpClient CLIENT = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();

    static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(URL + path))
            .header("Authorization", TOKEN)
            .header("Content-Type", "application/json");
    }

    static HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return CLIENT.send(request.build(), BodyHandlers.ofString());
    }

    static void say(String kind, Object... values) {
        StringBuilder line = new StringBuilder(kind);
        for (Object value : values) line.append(' ').append(value);
        System.out.println(line);
    }

    public static void main(String[] arguments) throws Exception {
        byte[] order = ("{\"items\": [{\"product_id\": \"" + PRODUCT + "\", \"quantity\": 1}]}").getBytes(StandardCharsets.UTF_8);
        var chunked = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(order));
        say("chunked", send(to("/api/orders/").POST(chunked)).statusCode());

        var large = BodyPublishers.ofByteArray(new byte[300_000]);
        var refused = send(to("/api/orders/").POST(large));
        say("too-large", refused.statusCode(), send(to("/api/users/me/").GET()).statusCode());

        say("lower-case", send(to("/api/users/me/").method("patch", BodyPublishers.ofString("{\"first_name\": \"J\"}"))).statusCode());

        var path = "/api/products/" + PRODUCT + "/";
        var whole = send(to(path).GET());
        var etag = whole.headers().firstValue("ETag").orElseThrow();
        var known = send(to(path).header("If-None-Match", etag).GET());
        var stale = send(to(path).header("If-Match", "\"stale\"").method("PATCH", BodyPublishers.ofString("{}")));
        say("conditional", whole.statusCode(), known.statusCode(), known.body().length(), stale.statusCode());

        say("redirect", send(to("/api/products?page_size=1").GET()).statusCode());

        List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
        for (int index = 0; index < 4; index++) {
            var body = BodyPublishers.ofString("{\"refresh\": \"" + REFRESH + "\"}");
            asked.add(CLIENT.sendAsync(to("/api/auth/token/refresh/").POST(body).build(), BodyHandlers.ofString()));
        }
        List<Integer> statuses = new ArrayList<>();
        for (var each : asked) statuses.add(each.get().statusCode());
        statuses.sort(null);
        say("refresh", statuses.toArray());
    }
}
