import type { JSX } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';

import { ApiError, call, get, whenSignedOut } from './api/client.js';
import type { Credential } from './api/types.js';
import { useRoute, type Route } from './lib/route.js';
import { textOf } from './lib/use-loaded.js';
import { Empty, Loading, Problem, Title } from './parts/basics.jsx';
import { Shell } from './parts/shell.jsx';
import { AgentsView } from './views/agents.jsx';
import { KeysView } from './views/keys.jsx';
import { ServiceView } from './views/service.jsx';
import { ServicesView } from './views/services.jsx';
import { SignIn } from './views/sign-in.jsx';
import { TaskView } from './views/task.jsx';
import { TasksView } from './views/tasks.jsx';
import { WorkflowView } from './views/workflow.jsx';
import { WorkflowsView } from './views/workflows.jsx';

type Session = Credential | 'unknown' | 'none';

/** The console: signing in, then the view that the address names. */
export function App(): JSX.Element {
  const [session, setSession] = useState<Session>('unknown');
  const [problem, setProblem] = useState<string>();
  const route = useRoute();
  const open = useCallback(async () => {
    try {
      setSession(await get<Credential>('credentials/current'));
      setProblem(undefined);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) setSession('none');
      else setProblem(textOf(error));
    }
  }, []);
  useEffect(() => {
    whenSignedOut(() => setSession('none'));
    void open();
  }, [open]);
  const signOut = async (): Promise<void> => {
    await call('DELETE', 'session').catch(() => undefined);
    setSession('none');
  };
  if (session === 'none') return <SignIn onSignedIn={open} />;
  if (session === 'unknown')
    return (
      <main class="mx-auto max-w-xl p-6">
        <Problem text={problem} />
        {problem === undefined && <Loading />}
      </main>
    );
  const [view = 'tasks'] = route.path;
  return (
    <Shell view={view} credential={session} onSignOut={() => void signOut()}>
      <View route={route} credential={session} />
    </Shell>
  );
}

function View({
  route,
  credential,
}: {
  readonly route: Route;
  readonly credential: Credential;
}): JSX.Element {
  const [view = 'tasks', id] = route.path;
  const may = (permission: string): boolean => credential.permissions.includes(permission);
  switch (view) {
    case 'tasks':
      return id === undefined ? (
        <TasksView route={route} />
      ) : (
        <TaskView key={id} id={id} mayRun={may('run')} />
      );
    case 'workflows':
      return id === undefined ? (
        <WorkflowsView route={route} />
      ) : (
        <WorkflowView key={id} slug={id} mayRun={may('run')} from={route.query.get('from')} />
      );
    case 'services':
      return id === undefined ? (
        <ServicesView />
      ) : (
        <ServiceView key={id} slug={id} mayInvoke={may('invoke')} />
      );
    case 'agents':
      return <AgentsView />;
    case 'keys':
      return <KeysView credential={credential} />;
    default:
      return (
        <>
          <Title text="Not found" />
          <Empty title="There is no such view." />
        </>
      );
  }
}
