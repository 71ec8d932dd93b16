import { resolve } from 'node:path';
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { FleetAgentConfig } from './fleet-agent.config.js';
import { Fleets } from './fleet/fleets.runner.js';
import { FleetsStore } from './fleet/fleets.store.js';
import { HealthProbe } from './fleet/health.probe.js';
import { InstanceActs } from './fleet/instance-acts.runner.js';
import { Operations } from './fleet/operations.runner.js';
import { Routes } from './fleet/routes.runner.js';
import { SerialWork } from './fleet/serial-work.js';
import { SetActs } from './fleet/set-acts.runner.js';
import { SetOperations } from './fleet/set-operations.runner.js';
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
  static with(parts: FleetAgentParts): DynamicModule {
    return {
      module: FleetAgentModule,
      controllers: [ContractController, FleetsController, HealthController],
      providers: [...outside(parts), ...acts(parts), ...runners(parts)],
    };
  }
}

/** What is kept on disk, processes, and the proxy. */
function outside({ config, clock, log }: FleetAgentParts): Provider[] {
  const workFolder = resolve(config.FLEET_AGENT_WORKDIR);
  const instancesMax = config.FLEET_AGENT_INSTANCES_MAX;
  return [
    { provide: HOME, useValue: homeOf(resolve(config.FLEET_AGENT_HOME)) },
    { provide: Clock, useValue: clock },
    {
      provide: FleetsStore,
      useFactory: (home: Home) => new FleetsStore(home.fleets, clock, instancesMax),
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
      provide: Routes,
      useFactory: (store: FleetsStore, proxy: EdgeProxy) => new Routes(store, proxy, clock, log),
      inject: [FleetsStore, EdgeProxy],
    },
  ];
}

/** What can be done to instances and to sets. */
function acts({ config, clock, log }: FleetAgentParts): Provider[] {
  const allowedCommands = config.FLEET_AGENT_COMMANDS;
  return [
    SerialWork,
    {
      provide: InstanceActs,
      useFactory: (
        store: FleetsStore,
        processes: InstanceProcesses,
        proxy: EdgeProxy,
        routes: Routes,
        probe: HealthProbe,
      ) => {
        const parts = { processes, proxy, routes, probe, allowedCommands };
        return new InstanceActs(store, parts, clock, log);
      },
      inject: [FleetsStore, InstanceProcesses, EdgeProxy, Routes, HealthProbe],
    },
    {
      provide: SetActs,
      useFactory: (
        store: FleetsStore,
        instances: InstanceActs,
        probe: HealthProbe,
        routes: Routes,
        work: SerialWork,
      ) => new SetActs(store, { acts: instances, probe, routes, work }),
      inject: [FleetsStore, InstanceActs, HealthProbe, Routes, SerialWork],
    },
  ];
}

/** What takes orders, and has them carried out. */
function runners({ clock, log }: FleetAgentParts): Provider[] {
  return [
    {
      provide: Operations,
      useFactory: (store: FleetsStore, instances: InstanceActs, work: SerialWork) =>
        new Operations(store, instances, work, clock, log),
      inject: [FleetsStore, InstanceActs, SerialWork],
    },
    {
      provide: SetOperations,
      useFactory: (store: FleetsStore, sets: SetActs, work: SerialWork) =>
        new SetOperations(store, sets, work, clock, log),
      inject: [FleetsStore, SetActs, SerialWork],
    },
    {
      provide: Fleets,
      useFactory: (
        store: FleetsStore,
        instances: InstanceActs,
        work: SerialWork,
        proxy: EdgeProxy,
        routes: Routes,
      ) => new Fleets(store, { acts: instances, proxy, routes }, work, log),
      inject: [FleetsStore, InstanceActs, SerialWork, EdgeProxy, Routes],
    },
  ];
}
