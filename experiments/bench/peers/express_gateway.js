// A gateway as Express' users write one: jsonwebtoken in a middleware, http-proxy-middleware with kept-alive sockets.
import { Agent } from "node:http";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";
import jwt from "jsonwebtoken";

const { PORT, JWT_KEY, USERS_URL, PRODUCTS_URL, ORDERS_URL } = process.env;
const services = { users: USERS_URL, products: PRODUCTS_URL, orders: ORDERS_URL };
const agent = new Agent({ keepAlive: true });

function authenticate(request, response, next) {
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  try {
    const claims = jwt.verify(token, JWT_KEY, { algorithms: ["HS256"] });
    request.headers["x-user-id"] = claims.user_id;
    delete request.headers.authorization;
    next();
  } catch {
    response.status(401).json({ detail: "Not authenticated" });
  }
}

const app = express();
for (const [name, url] of Object.entries(services)) {
  app.use(
    `/api/${name}`,
    authenticate,
    createProxyMiddleware({ target: `${url}/${name}`, changeOrigin: true, agent, proxyTimeout: 2000 }),
  );
}
app.listen(Number(PORT), "127.0.0.1");
