// The small graphs of connections: messages a second while the capture lives,
// the whole life of a connection where it does not change any more.

import { get } from './api.js';

const points = 40;
const asked = 3; // at once

class Rates {
  constructor() {
    this.live = false;
    this.graphs = new Map(); // number to [client, server], each of so many points
    this.lives = new Map(); // the same, of whole lives, with the number of messages that they are of
    this.queue = [];
    this.running = 0;
    this.drawn = () => {};
  }

  /** count adds what a connection said since it was last looked at. */
  count(now, before) {
    if (!before || !this.live) return;
    const graph = this.#graph(now.conn);
    for (const [i, side] of ['client', 'server'].entries()) {
      graph[i][points - 1] += Math.max(0, now.counts[side].messages - before.counts[side].messages);
    }
  }

  /** tick moves the graphs on, once a second. */
  tick() {
    for (const [number, graph] of this.graphs) {
      for (const side of graph) {
        side.shift();
        side.push(0);
      }
      if (graph.every((side) => side.every((v) => v === 0))) this.graphs.delete(number);
    }
  }

  #graph(number) {
    let graph = this.graphs.get(number);
    if (!graph) this.graphs.set(number, graph = [new Array(points).fill(0), new Array(points).fill(0)]);
    return graph;
  }

  /** of is the graph of a connection. */
  of(c) {
    return (this.#still(c) ? this.lives.get(c.conn)?.graph : this.graphs.get(c.conn)) ?? [[], []];
  }

  #still(c) { return !this.live || !!c.ended; }

  /** look fetches the lives of connections that are in sight. */
  look(connections) {
    this.queue = connections.filter((c) => c && this.#still(c) && this.lives.get(c.conn)?.messages !== messages(c));
    this.#run();
  }

  #run() {
    while (this.running < asked && this.queue.length) {
      const c = this.queue.shift();
      this.running++;
      this.#fetch(c).catch(() => {}).finally(() => {
        this.running--;
        this.#run();
      });
    }
  }

  async #fetch(c) {
    const known = this.lives.get(c.conn);
    this.lives.set(c.conn, { graph: known?.graph ?? [[], []], messages: messages(c) }); // not asked for again
    const { client, server } = await get('timeline', { conn: c.conn, buckets: points });
    this.lives.set(c.conn, { graph: [client, server], messages: messages(c) });
    if (this.lives.size > 2000) this.lives.delete(this.lives.keys().next().value);
    this.drawn();
  }
}

const messages = (c) => c.counts.client.messages + c.counts.server.messages;

export const rates = new Rates();
