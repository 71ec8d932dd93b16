import type { ServiceTx } from './service-database.js';

/** The plumbing of a transaction, for a store that adds statements on its own tables to it. */
export abstract class ServiceTxOver<Tx extends ServiceTx> implements ServiceTx {
  constructor(protected readonly tx: Tx) {}

  readonly admit: ServiceTx['admit'] = (keys) => this.tx.admit(keys);
  readonly send: ServiceTx['send'] = (messages) => this.tx.send(messages);
  readonly point: ServiceTx['point'] = (pointers) => this.tx.point(pointers);
  readonly arm: ServiceTx['arm'] = (timers) => this.tx.arm(timers);
  readonly disarm: ServiceTx['disarm'] = (timers) => this.tx.disarm(timers);
  readonly holdLeases: ServiceTx['holdLeases'] = (leases) => this.tx.holdLeases(leases);
  readonly tell: ServiceTx['tell'] = (subjects) => this.tx.tell(subjects);
}
