import { IsInt, IsNotEmpty, IsString, MaxLength, Min } from 'class-validator';

/** What is going to be uploaded. */
export class PresignBodyDto {
  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly file_name!: string;

  @IsInt()
  @Min(0)
  readonly file_size!: number;

  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly content_type!: string;
}
