import { z } from 'zod';

/** The custom resources that the chart may make, as strict as their definitions and as far as the chart fills them in. */

const text = z.string().min(1);
const strings = z.record(z.string(), z.string());
const duration = z.string().regex(/^(\d+(ms|s|m|h))+$/);
const labelSelector = z.strictObject({ matchLabels: strings });
const deployment = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  name: text,
});
const object = <Spec extends z.ZodType>(apiVersion: string, kind: string, spec: Spec) =>
  z.strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(kind),
    metadata: z.strictObject({
      name: text.max(63),
      namespace: text,
      labels: strings,
      annotations: strings.optional(),
    }),
    spec,
  });

/** gateway-api 1.2: the timeouts are in the standard channel, session persistence is not. */
const httpRoute = z.strictObject({
  parentRefs: z
    .array(z.strictObject({ name: text, namespace: text.optional(), sectionName: text.optional() }))
    .min(1),
  hostnames: z.array(text).min(1),
  rules: z.array(
    z.strictObject({
      matches: z.array(
        z.strictObject({
          path: z.strictObject({ type: z.literal('PathPrefix'), value: z.string().startsWith('/') }),
        }),
      ),
      filters: z.array(z.looseObject({ type: text })).optional(),
      timeouts: z
        .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
        .optional(),
      backendRefs: z.array(z.strictObject({ name: text, port: z.int().min(1).max(65_535) })).length(1),
    }),
  ),
});

const relabelings = z.array(z.looseObject({ action: text })).optional();
/** An endpoint of a PodMonitor and of a ServiceMonitor (monitoring.coreos.com/v1). */
const scraped = z.strictObject({
  port: z.literal('metrics'),
  path: z.literal('/metrics'),
  interval: duration.optional(),
  scrapeTimeout: duration.optional(),
  relabelings,
  metricRelabelings: relabelings,
});
const podMonitor = z.strictObject({
  selector: labelSelector,
  podMetricsEndpoints: z.array(scraped).length(1),
});
const serviceMonitor = z.strictObject({ selector: labelSelector, endpoints: z.array(scraped).length(1) });
const prometheusRule = z.strictObject({
  groups: z
    .array(
      z.strictObject({
        name: text,
        interval: duration.optional(),
        rules: z.array(
          z.strictObject({
            alert: text.optional(),
            record: text.optional(),
            expr: text,
            for: duration.optional(),
            keep_firing_for: duration.optional(),
            labels: strings.optional(),
            annotations: strings.optional(),
          }),
        ),
      }),
    )
    .min(1),
});

const certificate = z.strictObject({
  secretName: text,
  dnsNames: z.array(text).min(1),
  issuerRef: z.strictObject({ name: text, kind: text, group: text }),
  duration: duration.optional(),
  renewBefore: duration.optional(),
  privateKey: z.strictObject({ rotationPolicy: z.enum(['Always', 'Never']) }),
});

/** keda.sh/v1alpha1: metadata of a trigger holds text only. */
const scaledObject = z.strictObject({
  scaleTargetRef: deployment,
  minReplicaCount: z.int().min(1),
  maxReplicaCount: z.int().min(1),
  pollingInterval: z.int(),
  cooldownPeriod: z.int(),
  advanced: z.strictObject({
    horizontalPodAutoscalerConfig: z.strictObject({ behavior: z.looseObject({}) }),
  }),
  triggers: z.array(z.strictObject({ type: text, metadata: strings, metricType: text.optional() })).min(1),
});

const quantity = z.union([text, z.number()]).optional();
const quantities = z.strictObject({ cpu: quantity, memory: quantity }).optional();
const verticalPodAutoscaler = z.strictObject({
  targetRef: deployment,
  updatePolicy: z.strictObject({ updateMode: z.enum(['Off', 'Initial', 'Recreate', 'InPlaceOrRecreate']) }),
  resourcePolicy: z.strictObject({
    containerPolicies: z.array(
      z.strictObject({
        containerName: text,
        mode: z.enum(['Auto', 'Off']).optional(),
        controlledResources: z.array(z.enum(['cpu', 'memory'])).optional(),
        minAllowed: quantities,
        maxAllowed: quantities,
      }),
    ),
  }),
});

const MONITORING = 'monitoring.coreos.com/v1';

/** By API version and kind. */
export const CUSTOM_RESOURCES = new Map(
  [
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', httpRoute),
    object(MONITORING, 'PodMonitor', podMonitor),
    object(MONITORING, 'ServiceMonitor', serviceMonitor),
    object(MONITORING, 'PrometheusRule', prometheusRule),
    object('cert-manager.io/v1', 'Certificate', certificate),
    object('keda.sh/v1alpha1', 'ScaledObject', scaledObject),
    object('autoscaling.k8s.io/v1', 'VerticalPodAutoscaler', verticalPodAutoscaler),
  ].map((schema): [string, z.ZodType] => [
    `${schema.shape.apiVersion.value} ${schema.shape.kind.value}`,
    schema,
  ]),
);
