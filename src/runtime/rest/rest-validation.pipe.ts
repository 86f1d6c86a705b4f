import { BadRequestException, ValidationPipe, type ValidationError } from '@nestjs/common';

/** Validates bodies and queries by their DTO class; 400 names the field and the rule it broke. */
export class RestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: false,
      validationError: { target: false, value: false },
      exceptionFactory: (problems) => new BadRequestException(firstRule(problems)),
    });
  }
}

function firstRule(problems: ValidationError[]): string {
  const [problem] = problems;
  if (!problem) return 'the request is not valid';
  const rule = Object.values(problem.constraints ?? {})[0];
  return rule ?? firstRule(problem.children ?? []);
}
