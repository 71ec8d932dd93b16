/** As much of Fastify's request and reply as is used here: Fastify itself is the adapter's affair. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly is404: boolean;
  /** What was said of the route where it was declared. */
  readonly routeOptions: { readonly config?: object };
}

export interface HttpReply {
  readonly sent: boolean;
  /** What it is written to; closed when it was sent, or when nobody listens any more. */
  readonly raw: { once(event: 'close', told: () => void): unknown };
  status(code: number): this;
  header(name: string, value: string): this;
  headers(values: Readonly<Record<string, string>>): this;
  removeHeader(name: string): this;
  type(contentType: string): this;
  send(payload?: unknown): this;
}
