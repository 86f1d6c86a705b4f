import { BadRequestException, type PipeTransform } from '@nestjs/common';
import { isUUID } from 'class-validator';

/** A path segment that must be an id. */
export class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly name: string) {}

  transform(value: string): string {
    if (isUUID(value)) return value.toLowerCase();
    throw new BadRequestException(`${this.name} must be a UUID`);
  }
}
