// What Node's fetch and axios do with each kind of request. Each line of the output is a kind and its statuses.
import { Readable } from "node:stream";
import axios from "axios";

const { PLAZA_URL: url, PLAZA_ACCESS: access, PLAZA_REFRESH: refresh, PLAZA_PRODUCT: product } = process.env;
const signed = { Authorization: `Bearer ${access}`, "Content-Type": "application/json" };

async function withFetch(method, path, { headers = {}, body, stream } = {}) {
  const content = stream ? { body: Readable.toWeb(Readable.from([stream])), duplex: "half" } : { body };
  const response = await fetch(url + path, { method, headers: { ...signed, ...headers }, ...content });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function withAxios(method, path, { headers = {}, body, stream } = {}) {
  const data = stream ? Readable.from([stream]) : body;
  const options = { method, url: url + path, headers: { ...signed, ...headers }, data, maxRedirects: stream ? 0 : 5 };
  const response = await axios({ ...options, validateStatus: () => true, responseType: "text", transformResponse: (text) => text });
  return { status: response.status, headers: response.headers, text: response.data };
}

const send = process.argv[2] === "axios" ? withAxios : withFetch;
const say = (kind, ...values) => console.log([kind, ...values].join(" "));

const order = JSON.stringify({ items: [{ product_id: product, quantity: 1 }] });
say("chunked", (await send("POST", "/api/orders/", { stream: Buffer.from(order) })).status);

const large = await send("POST", "/api/orders/", { body: " ".repeat(300_000) });
say("too-large", large.status, (await send("GET", "/api/users/me/")).status);

say("lower-case", (await send("patch", "/api/users/me/", { body: JSON.stringify({ first_name: "N" }) })).status);

const path = `/api/products/${product}/`;
const whole = await send("GET", path);
const etag = whole.headers.get("etag");
const known = await send("GET", path, { headers: { "If-None-Match": etag } });
const stale = await send("PATCH", path, { headers: { "If-Match": '"stale"' }, body: "{}" });
say("conditional", whole.status, known.status, known.text.length, stale.status);

say("redirect", (await send("GET", "/api/products?page_size=1")).status);

const body = JSON.stringify({ refresh });
const asked = Array.from({ length: 4 }, () => send("POST", "/api/auth/token/refresh/", { body }));
say("refresh", ...(await Promise.all(asked)).map(({ status }) => status).sort());
