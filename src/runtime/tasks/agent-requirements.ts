import {
  AGENT_FEATURES,
  CONTAINER_LABEL,
  HOSTS_CONTAINERS,
  HOSTS_SERVICES,
  isAgentFeature,
  PYTHON_LABEL,
} from '../../contract/index.js';

/** The labels among what work requires, without the features. */
export const labelsIn = (required: readonly string[]): string[] =>
  required.filter((each) => !isAgentFeature(each));

/** As in ` with the labels gpu, local`; nothing without labels. */
export function withLabels(required: readonly string[]): string {
  const labels = labelsIn(required);
  if (labels.length === 0) return '';
  return labels.length === 1 ? ` with the label ${labels[0]}` : ` with the labels ${labels.join(', ')}`;
}

const ELSEWHERE = 'connect one without --executor kubernetes';

function remedyFor(required: readonly string[]): string {
  if (required.includes(HOSTS_CONTAINERS))
    return `give an agent with --executor kubernetes the rights for services, or ${ELSEWHERE}`;
  return required.includes(HOSTS_SERVICES) ? ELSEWHERE : 'update the agent';
}

/**
 * Says what no connected agent has of what work requires.
 *
 * @param hasLabels whether some agent has the labels, so that a feature is missing.
 */
export function noAgentFor(required: readonly string[], hasLabels: boolean): string {
  const labels = labelsIn(required);
  const missing = required.filter(isAgentFeature).map((feature) => AGENT_FEATURES[feature]);
  if (hasLabels && missing.length > 0)
    return `no connected agent${withLabels(labels)} can ${missing.join(' and ')}: ${remedyFor(required)}`;
  const hints = [
    ...(labels.includes(PYTHON_LABEL) ? ['agents that have a working python3 are labelled python'] : []),
    ...(labels.includes(CONTAINER_LABEL)
      ? ['agents that have Docker, Podman or Kubernetes are labelled container']
      : []),
  ];
  const hint = hints.length === 0 ? '' : ` (${hints.join('; ')})`;
  const what =
    labels.length === 0 ? 'no agent is connected' : `no connected agent has the labels ${labels.join(', ')}`;
  return `${what}${hint}`;
}
