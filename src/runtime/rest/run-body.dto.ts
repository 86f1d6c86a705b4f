import { IsObject, IsOptional, IsString, MaxLength } from 'class-validator';

/** Body of a run; whether the parameters fit is the workflow's to say. */
export class RunBodyDto {
  static readonly elsewhere =
    'Parameters of the workflow belong inside "parameters": {"parameters": {"name": "value"}}.';

  @IsOptional()
  @IsObject()
  readonly parameters?: Record<string, unknown>;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly dispatch_target?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly target_pool?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly submitter_region?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly tool_type?: string;
}
