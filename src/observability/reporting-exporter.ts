import { Logger } from '@nestjs/common';
import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

import { errorText } from '../config/index.js';

type Done = Parameters<SpanExporter['export']>[1];

/** Logs when the receiver of spans begins to fail and when it is there again, and not every batch that it does not take. */
export class ReportingExporter implements SpanExporter {
  private readonly logger = new Logger('Traces');
  private lost = 0;

  /** @param endpoint as it is shown. */
  constructor(
    private readonly exporter: SpanExporter,
    private readonly endpoint: string,
  ) {}

  export(spans: ReadableSpan[], done: Done): void {
    this.exporter.export(spans, (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.accepted();
      else this.failed(spans.length, result.error);
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.exporter.forceFlush?.() ?? Promise.resolve();
  }

  private accepted(): void {
    if (this.lost > 0)
      this.logger.log(`${this.endpoint} takes spans again; ${this.lost} were lost meanwhile`);
    this.lost = 0;
  }

  private failed(count: number, error: Error | undefined): void {
    if (this.lost === 0)
      this.logger.warn({
        message: `${this.endpoint} does not take spans; they are lost until it does`,
        reason: error ? errorText(error) : undefined,
      });
    this.lost += count;
  }
}
