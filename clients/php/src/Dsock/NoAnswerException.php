<?php

declare(strict_types=1);

namespace Fantail\Dsock;

use Fantail\FantailException;

/**
 * The server cannot be reached, or does not answer in time or completely. The call may have been
 * done nevertheless.
 */
final class NoAnswerException extends \RuntimeException implements FantailException
{
}
