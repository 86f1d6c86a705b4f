import { z } from 'zod';

import { idOr, textOf } from './tool-definition.js';

const slug = textOf(
  z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9][\w.-]*(@[\w.-]+)?$/),
  'must be a slug such as text-to-image, or slug@version such as text-to-image@2',
);

/** @param slugTool the tool that takes a slug instead. */
export const workflowIdInput = (slugTool: string) =>
  idOr(`for a slug call ${slugTool}`).describe('id from list_workflows');
export const workflowSlugInput = slug.describe(
  'workflow_slug from list_workflows, or slug@version for an older version',
);
