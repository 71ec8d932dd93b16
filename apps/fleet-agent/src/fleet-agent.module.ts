import { resolve } from 'node:path';
import { Module, type DynamicModule } from '@nestjs/common';
import { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { FleetAgentConfig } from './fleet-agent.config.js';
import { Fleets } from './fleet/fleets.runner.js';
import { FleetsStore } from './fleet/fleets.store.js';
import { HealthProbe } from './fleet/health.probe.js';
import { InstanceActs } from './fleet/instance-acts.runner.js';
import { Operations } from './fleet/operations.runner.js';
import { SerialWork } from './fleet/serial-work.js';
import { homeOf, type Home } from './home.js';
import { ContractController } from './http/contract.controller.js';
import { FleetsController } from './http/fleets.controller.js';
import { HealthController } from './http/health.controller.js';
import { InstanceProcesses } from './processes/instance-process.driver.js';
import { EdgeProxy } from './proxy/edge-proxy.client.js';

const HOME = Symbol('home');

/** What the module is made with: the process's own things. */
export interface FleetAgentParts {
  readonly config: FleetAgentConfig;
  readonly clock: Clock;
  readonly log: Log;
}

@Module({})
export class FleetAgentModule {
  static with({ config, clock, log }: FleetAgentParts): DynamicModule {
    const workFolder = resolve(config.FLEET_AGENT_WORKDIR);
    const allowedCommands = config.FLEET_AGENT_COMMANDS;
    return {
      module: FleetAgentModule,
      controllers: [ContractController, FleetsController, HealthController],
      providers: [
        { provide: HOME, useValue: homeOf(resolve(config.FLEET_AGENT_HOME)) },
        { provide: Clock, useValue: clock },
        SerialWork,
        {
          provide: FleetsStore,
          useFactory: (home: Home) => new FleetsStore(home.fleets, clock),
          inject: [HOME],
        },
        {
          provide: InstanceProcesses,
          useFactory: (home: Home) => new InstanceProcesses(home.folder, workFolder, clock),
          inject: [HOME],
        },
        {
          provide: EdgeProxy,
          useFactory: (home: Home) => new EdgeProxy(home, config.TRAFFIC_HOST, clock),
          inject: [HOME],
        },
        {
          provide: HealthProbe,
          useFactory: (processes: InstanceProcesses) => new HealthProbe(processes, clock),
          inject: [InstanceProcesses],
        },
        {
          provide: InstanceActs,
          useFactory: (
            store: FleetsStore,
            processes: InstanceProcesses,
            proxy: EdgeProxy,
            probe: HealthProbe,
          ) => {
            const parts = { processes, proxy, probe, allowedCommands };
            return new InstanceActs(store, parts, clock, log);
          },
          inject: [FleetsStore, InstanceProcesses, EdgeProxy, HealthProbe],
        },
        {
          provide: Operations,
          useFactory: (store: FleetsStore, acts: InstanceActs, work: SerialWork) =>
            new Operations(store, acts, work, clock, log),
          inject: [FleetsStore, InstanceActs, SerialWork],
        },
        {
          provide: Fleets,
          useFactory: (
            store: FleetsStore,
            acts: InstanceActs,
            work: SerialWork,
            proxy: EdgeProxy,
          ) => new Fleets(store, acts, work, proxy, log),
          inject: [FleetsStore, InstanceActs, SerialWork, EdgeProxy],
        },
      ],
    };
  }
}
